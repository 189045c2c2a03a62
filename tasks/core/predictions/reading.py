"""The logged rows of a window of time, each exactly once, as Arrow: from Parquet and from what is not compacted yet.

A read is of the segments that there are when it begins. One whose file is gone when its turn comes was compacted
or merged meanwhile: its rows are looked for anew, and of a file that holds others too they alone are read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.core.predictions.layout import folder_of
from tasks.core.predictions.listing import listing
from tasks.core.predictions.moments import aware
from tasks.core.predictions.parquet import stems_of, times_of
from tasks.core.predictions.rows import batches, of_file
from tasks.core.predictions.segment import Role

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

__all__ = ["batches", "count", "days", "read", "table"]

CHAMPION: tuple[Role, ...] = ("champion",)


def read(
    home: Path,
    project: str,
    since: datetime | None = None,
    until: datetime | None = None,
    columns: Sequence[str] | None = None,
    roles: Sequence[Role] = CHAMPION,
) -> Iterator[pa.RecordBatch]:
    """Every logged row with since <= __time__ < until, as batches; a naive datetime is UTC.

    Batches of different models may have different schemas (`table` unifies them); a column that a model does not
    have is left out of its batches. Rows come segment by segment, nearly in the order of time.
    """
    import pyarrow.parquet as pq

    folder = folder_of(home, project)
    window = Window(since, until, columns, roles)
    wanted = listing(folder)
    while wanted:
        files: dict[Path, set[str]] = {}
        for stem, path in wanted.items():
            files.setdefault(path, set()).add(stem)
        gone: set[str] = set()
        for path, stems in files.items():
            try:
                file = pq.ParquetFile(path) if path.suffix == ".parquet" else path.open("rb", buffering=1 << 20)
            except FileNotFoundError:
                gone |= stems
                continue
            with file:  # from here on it may be removed
                parquet = isinstance(file, pq.ParquetFile)
                found = _of_parquet(path, file, stems, window) if parquet else of_file(file, path, window.may_hold)
                for batch in found:
                    yield from window.of(batch)
        wanted = {stem: path for stem, path in listing(folder).items() if stem in gone} if gone else {}


def count(
    home: Path,
    project: str,
    since: datetime | None = None,
    until: datetime | None = None,
    roles: Sequence[Role] = CHAMPION,
) -> int:
    """How many rows `read` gives."""
    return sum(batch.num_rows for batch in read(home, project, since, until, ["__time__"], roles))


def days(home: Path, project: str, roles: Sequence[Role] = CHAMPION) -> dict[date, int]:
    """The UTC days that have logged rows, in order, with their numbers of rows."""
    import pyarrow as pa

    found: Counter[date] = Counter()
    for batch in read(home, project, columns=["__time__"], roles=roles):
        times = batch.column("__time__").cast(pa.timestamp("us"))
        for day in times.cast(pa.date32(), safe=False).value_counts():
            found[day["values"].as_py()] += day["counts"].as_py()
    return dict(sorted(found.items()))


def table(batches: Iterable[pa.RecordBatch]) -> pa.Table:
    """What `read` gives as one table: null where a model has no such column, text where two differ in its type."""
    import pyarrow as pa

    found = list(batches)
    types: dict[str, pa.DataType] = {}
    for batch in found:
        for field in batch.schema:
            types[field.name] = field.type if types.get(field.name, field.type) == field.type else pa.string()
    schema = pa.schema(list(types.items()))
    return pa.Table.from_batches([_in(batch, schema) for batch in found], schema).unify_dictionaries()


class Window:
    """Which rows and columns are asked for."""

    def __init__(
        self, since: datetime | None, until: datetime | None, columns: Sequence[str] | None, roles: Sequence[Role]
    ) -> None:
        self.since, self.until = since and aware(since), until and aware(until)
        self.columns = columns
        self._roles = list(roles)

    def names(self, schema: pa.Schema) -> list[str] | None:
        """The columns that must be read of a file."""
        if self.columns is None:
            return None
        return [name for name in dict.fromkeys(["__time__", "__role__", *self.columns]) if name in schema.names]

    def may_hold(self, first: datetime, last: datetime) -> bool:
        """Whether rows from `first` to `last` may be asked for."""
        return not ((self.since and last < self.since) or (self.until and first >= self.until))

    def of(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """The rows and columns of the batch that are asked for, if any."""
        import pyarrow as pa
        import pyarrow.compute

        pc: Any = pyarrow.compute  # its functions are made when it is imported
        time: Any = batch.column("__time__")
        masks = [pc.is_in(batch.column("__role__").dictionary_decode(), pa.array(self._roles, pa.string()))]
        if self.since:
            masks.append(pc.greater_equal(time, pa.scalar(self.since, time.type)))
        if self.until:
            masks.append(pc.less(time, pa.scalar(self.until, time.type)))
        mask: Any = masks[0]
        for other in masks[1:]:
            mask = pc.and_(mask, other)
        if not mask.true_count:
            return
        kept = batch if mask.true_count == len(mask) else batch.filter(mask)
        wanted = self.columns
        yield kept if wanted is None else kept.select([name for name in wanted if name in kept.schema.names])


def _of_parquet(path: Path, parquet: pq.ParquetFile, stems: set[str], window: Window) -> Iterator[pa.RecordBatch]:
    """The rows of these stems in a Parquet file, without the row groups that are outside the window."""
    ranges: list[tuple[int, int]] = []
    end = 0
    for stem, n_rows in stems_of(path, parquet).items():
        if stem in stems:
            ranges.append((end, end + n_rows))
        end += n_rows
    names = window.names(parquet.schema_arrow)
    end = 0
    for index in range(parquet.num_row_groups):
        start, end = end, end + parquet.metadata.row_group(index).num_rows
        inside = [(max(start, a) - start, min(end, b) - start) for a, b in ranges if a < end and b > start]
        if not inside or not window.may_hold(*times_of(parquet, index)):
            continue
        group = parquet.read_row_group(index, columns=names)
        for a, b in _joined(inside):
            yield from group.slice(a, b - a).to_batches()


def _joined(ranges: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    start, end = ranges[0]
    for a, b in ranges[1:]:
        if a != end:
            yield start, end
            start = a
        end = b
    yield start, end


def _in(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    arrays: list[Any] = []
    for field in schema:
        if field.name not in batch.schema.names:
            arrays.append(pa.nulls(batch.num_rows, field.type))
            continue
        values = batch.column(field.name)
        arrays.append(values if values.type == field.type else values.cast(field.type))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
