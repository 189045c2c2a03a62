"""Rows from JSON lines, streamed: one object a line; nested objects are columns `a.b`.

A first pass parses each file into Arrow files on disk, and finds the types that hold all values; a second one reads
these in those types. So each line is parsed once, and memory does not grow with the files.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from tasks.core import arrow
from tasks.core.errors import DataError
from tasks.core.intake import MOST_BYTES, Intake
from tasks.core.records import Record
from tasks.sources.encoding import opened
from tasks.sources.files import File, Places, title
from tasks.sources.growing import NoRows, reading
from tasks.sources.json_lines import blocks, refused_list, table_of

if TYPE_CHECKING:
    import pyarrow as pa

ENDINGS = (".jsonl", ".ndjson")
AHEAD = 2
"""Blocks that are parsed at a time; pyarrow shares all processors among them."""
MOST_BROKEN = 10_000
"""So many broken lines, and more of them than good ones, are no JSON lines at all."""

T = TypeVar("T")


class Jsonl(Record):
    """Files of JSON objects, one a line, plain or compressed (gzip, bzip2, Zstandard)."""

    kind: Literal["jsonl"] = "jsonl"
    path: Places

    @property
    def title(self) -> str:
        return title(self.path)

    def batches(self, intake: Intake) -> Iterator[pa.RecordBatch]:
        """The rows in order, as batches of one schema; DataError for what is no such file."""
        parsed: dict[str, _Parsed] = {}

        with reading(self.path, ENDINGS, intake) as (files, folder):

            def look(file: File) -> pa.Schema:
                one = parsed[file.key] = _Parsed(file, folder / f"{len(parsed)}")
                one.parse()
                return one.schema()

            schema = files.schema(look, sparse=True)
            for file in files.files:
                for batch in parsed[file.key].batches():
                    yield _fitted(batch, schema, file.name)  # pyright: ignore[reportArgumentType]
            for one in parsed.values():
                for where, reason, line in one.rejected:
                    intake.reject(where, reason, line)
            files.done()


class _Parsed:
    """A file's rows on disk, in Arrow files each of one schema, and the types that hold them all."""

    def __init__(self, file: File, place: Path) -> None:
        self.file = file
        self.rejected: list[tuple[str, str, bytes]] = []
        self._place = place
        self._parts: list[Path] = []
        self._types: dict[str, pa.DataType] = {}
        self._texts: dict[str, pa.DataType] = {}

    def schema(self) -> pa.Schema:
        import pyarrow as pa

        return pa.schema(list(self._types.items()))

    def batches(self) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        for part in self._parts:
            with pa.OSFile(str(part)) as stored, pa.ipc.open_stream(stored) as reader:
                yield from reader

    def parse(self) -> None:
        """Parse the whole file; once more when a column of dates turned out to be of text, which must stay as it is."""
        while not self._went_through():
            for part in self._parts:
                part.unlink()
            self.rejected, self._parts, self._types = [], [], {}

    def _went_through(self) -> bool:
        n_rows, n_lines = 0, 0
        with _Spool(self._place) as spool, opened(self.file) as stream:
            self._parts = spool.parts
            for block, table, broken in _ahead(self._table, blocks(stream)):
                n_rows += table.num_rows
                for number, reason, line in broken:
                    self.rejected.append((f"{self.file.name}, line {n_lines + number + 1:,}", reason, line))
                if len(self.rejected) > max(MOST_BROKEN, n_rows):
                    raise self._no_lines()
                n_lines += block.count(b"\n")
                if not self._widen(table.schema):
                    return False
                spool.write(table)
        if not n_rows and self.rejected:
            raise self._no_lines()
        if not n_rows:
            raise NoRows(f"{self.file.name} is empty", expected="one JSON object a line", action="Check what wrote it")
        return True

    def _table(self, block: bytes) -> tuple[bytes, pa.Table, list[tuple[int, str, bytes]]]:
        broken: list[tuple[int, str, bytes]] = []

        def reject(number: int, reason: str, line: bytes) -> None:
            broken.append((number, reason, line[:MOST_BYTES]))

        return block, table_of(block, self._texts, self.file.name, reject), broken

    def _widen(self, found: pa.Schema) -> bool:
        """Take a block's types into account; False when dates of before must be read as text."""
        import pyarrow as pa

        for field in found:
            if pa.types.is_list(field.type):
                raise refused_list(field.name, self.file.name)
            theirs = _normal(field.type)
            ours = self._types.get(field.name, pa.null())
            if pa.types.is_null(ours) or pa.types.is_null(theirs) or ours == theirs:
                self._types[field.name] = theirs if pa.types.is_null(ours) else ours
            elif {str(ours), str(theirs)} == {"int64", "double"}:
                self._types[field.name] = pa.float64()
            elif pa.types.is_timestamp(ours) or pa.types.is_timestamp(theirs):
                self._texts[field.name] = pa.string()
                return False
            else:
                self._types[field.name] = pa.string()
        return True

    def _no_lines(self) -> DataError:
        where, reason, line = self.rejected[0]
        return DataError(
            f"{where} and {len(self.rejected) - 1:,} more lines are no rows",
            expected="one JSON object a line",
            found=f"{reason}: {line[:60].decode(errors='replace')!r}",
            action="Check that the file holds JSON lines",
        )


def _ahead(work: Callable[[bytes], T], items: Iterator[bytes]) -> Iterator[T]:
    """What `work` makes of each, in order; the next ones are under way while the caller is busy with one."""
    with ThreadPoolExecutor(AHEAD) as threads:
        waiting: deque[Future[T]] = deque()
        try:
            for item in items:
                waiting.append(threads.submit(work, item))
                if len(waiting) > AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


class _Spool:
    """Arrow files, a new one whenever the schema is another one."""

    def __init__(self, place: Path) -> None:
        self.parts: list[Path] = []
        self._place = place
        self._schema: pa.Schema | None = None
        self._open = ExitStack()

    def __enter__(self) -> _Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def write(self, table: pa.Table) -> None:
        import pyarrow as pa

        if not table.num_rows:
            return
        table = table.cast(pa.schema([pa.field(f.name, _normal(f.type)) for f in table.schema]), safe=False)
        if self._schema is None or not table.schema.equals(self._schema):
            self._open.close()
            self.parts.append(self._place.with_suffix(f".{len(self.parts)}.arrow"))
            sink = self._open.enter_context(pa.OSFile(str(self.parts[-1]), "wb"))
            self._writer = self._open.enter_context(pa.ipc.new_stream(sink, table.schema))
            self._schema = table.schema
        self._writer.write_table(table, arrow.GROUP_ROWS)


def _normal(found: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    return pa.timestamp("us") if pa.types.is_timestamp(found) else found


def _fitted(batch: pa.RecordBatch, schema: pa.Schema, where: str) -> pa.RecordBatch:
    """The batch in the schema's types; a key that no object of it has is missing."""
    import pyarrow as pa

    names = set(batch.schema.names)
    for name in schema.names:
        if name not in names:
            batch = batch.append_column(name, pa.nulls(batch.num_rows))
    return arrow.cast(batch, schema, where)
