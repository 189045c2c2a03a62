"""Rows from CSV files, streamed: memory does not grow with them.

Types are inferred from the first block. A first pass over each file then proves them, and widens a column whose later
values do not fit (whole number, number, text), so that all batches have one schema.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from tasks.core import arrow
from tasks.core.errors import DataError
from tasks.core.intake import Intake
from tasks.core.records import Record
from tasks.sources.damage import is_cut_off, require_closed, unreadable
from tasks.sources.encoding import opened
from tasks.sources.files import File, Places, title
from tasks.sources.growing import reading
from tasks.sources.layout import Layout, layout_of, words_for_nothing

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import csv as pacsv

ENDINGS = (".csv", ".tsv")

BLOCK = 4 << 20
"""Bytes read at a time. Of 1 to 64 MB all take the same time; pyarrow reads some sixteen blocks ahead."""

LONGEST_ROW = 1 << 30
"""Bytes; a longer row is taken for a quote that was never closed."""

MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "?", "#N/A")

WITHIN = "in a file's first megabyte"
"""Where the words for a missing value are counted, by column, so that they can be named."""

_MISFIT = re.compile(r"In CSV column #(\d+):.*CSV conversion error to (.+?): (?:invalid value '(.*)')?", re.DOTALL)


class Csv(Record):
    """Delimited text files with a header, plain or compressed (gzip, bzip2, Zstandard)."""

    kind: Literal["csv"] = "csv"
    path: Places
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    """Found out when not said: comma, semicolon, tab or bar."""
    encoding: str | None = None
    """UTF-8, or UTF-16 with a byte order mark, when not said."""
    decimal: Literal[".", ","] | None = None
    """Found out when not said; a comma only between other delimiters."""
    text: tuple[str, ...] = ()
    """Columns that are text whatever they look like: article numbers such as 007."""
    missing: tuple[str, ...] = MISSING
    """The values that mean that there is none, in columns of any type."""

    @property
    def title(self) -> str:
        return title(self.path)

    def batches(self, intake: Intake) -> Iterator[pa.RecordBatch]:
        """The rows in order, as batches of one schema; DataError for a file that is no such table."""
        found: dict[str, _Proven] = {}

        def look(file: File) -> pa.Schema:
            layout = layout_of(file, self.delimiter, self.encoding, self.decimal)
            proven = found[file.key] = _Proven(layout, self._known_types(layout))
            self._prove(proven)
            return proven.schema()

        with reading(self.path, ENDINGS, intake) as (files, _):
            schema = files.schema(look)
            for file in files.files:
                for batch in self._read(found[file.key]):
                    yield arrow.cast(batch, schema, file.name)  # pyright: ignore[reportArgumentType]
                for (name, word), n_rows in words_for_nothing(found[file.key].layout, self.missing).items():
                    intake.note("missing", f"`{word}` {WITHIN}, counted as missing", n_rows, name)
                if line := found[file.key].cut_off:
                    intake.reject(f"{file.name}, last line", "the file ends within this line", line)
            if found:
                intake.look = "; ".join(dict.fromkeys(proven.layout.look for proven in found.values()))
            files.done()

    def _known_types(self, layout: Layout) -> dict[str, pa.DataType]:
        import pyarrow as pa

        if unknown := [name for name in self.text if name not in layout.names]:
            raise DataError(f"{layout.file.name} has no column {unknown[0]!r}", action="Check `text` in the source")
        return {name: pa.string() for name in self.text}

    def _prove(self, proven: _Proven) -> None:
        """Find the types that hold all the values of the file, and how large a block must be to hold any row."""
        import pyarrow as pa

        while True:
            try:
                with self._open(proven) as reader:
                    first = {field.name: field.type for field in reader.schema}
                break
            except (pa.ArrowInvalid, UnicodeDecodeError) as exc:
                proven.enlarge(exc)
        proven.types = {name: _whole(kind) for name, kind in first.items()}
        proven.valueless = {name for name, kind in first.items() if pa.types.is_null(kind)}
        while (misfit := self._misfit(proven)) is not None:
            column, value = misfit
            name = proven.layout.names[column]
            proven.types[name] = _wider(proven.types[name], value, proven.layout.decimal)

    def _misfit(self, proven: _Proven) -> tuple[int, str] | None:
        """The first column with a value that its type does not hold, and that value."""
        import pyarrow as pa

        n_rows, last = 0, None
        valueless = set(proven.valueless)
        try:
            for batch in self._read(proven):
                if batch.num_rows:
                    n_rows, last = n_rows + batch.num_rows, batch.columns[-1][-1]
                valueless -= {name for name in valueless if batch.column(name).null_count < batch.num_rows}
        except (pa.ArrowInvalid, UnicodeDecodeError) as exc:
            found = _MISFIT.search(str(exc))
            if found is None or found[2] == "string":
                proven.enlarge(exc)
                return self._misfit(proven)
            return int(found[1]), found[3] or ""
        if proven.cut_off and not is_cut_off(proven.layout, proven.cut_off):
            raise unreadable(proven.layout, "rows of other lengths")
        require_closed(proven.layout, n_rows, last.as_py() if last is not None else None)
        proven.valueless = valueless
        return None

    def _read(self, proven: _Proven) -> Iterator[pa.RecordBatch]:
        with self._open(proven) as reader:
            yield from reader

    @contextmanager
    def _open(self, proven: _Proven) -> Iterator[pacsv.CSVStreamingReader]:
        from pyarrow import csv

        layout = proven.layout
        proven.cut_off = ""
        options = (
            csv.ReadOptions(
                block_size=max(proven.block, BLOCK),
                encoding="utf8" if layout.encoding == "utf-8" else layout.encoding,
                column_names=list(layout.names),
                skip_rows_after_names=1,
            ),
            csv.ParseOptions(
                delimiter=layout.delimiter, newlines_in_values=True, invalid_row_handler=proven.take_cut_off
            ),
            csv.ConvertOptions(
                column_types=proven.types,
                null_values=list(self.missing),
                strings_can_be_null=True,
                true_values=["true", "True", "TRUE"],
                false_values=["false", "False", "FALSE"],
                decimal_point=layout.decimal,
            ),
        )
        with opened(layout.file) as stream, csv.open_csv(stream, *options) as reader:  # pyright: ignore
            yield reader


class _Proven:
    """What is known of one file: its layout, the types of its columns, the columns without any value."""

    def __init__(self, layout: Layout, types: dict[str, pa.DataType]) -> None:
        self.layout = layout
        self.types = types
        self.valueless: set[str] = set()
        self.block = 0
        self.cut_off = ""
        """A row of another length: allowed once, as the last line of a file that is being written."""

    def schema(self) -> pa.Schema:
        import pyarrow as pa

        types = [(name, pa.null() if name in self.valueless else self.types[name]) for name in self.layout.names]
        normal = arrow.normal_schema(pa.schema(types), self.layout.file.name)
        return pa.schema([pa.field(f.name, pa.null() if f.name in self.valueless else f.type) for f in normal])

    def take_cut_off(self, row: Any) -> str:
        if self.cut_off or row.actual_columns > row.expected_columns:
            return "error"
        self.cut_off = row.text
        return "skip"

    def enlarge(self, exc: Exception) -> None:
        """Read in larger blocks when a row did not fit into one; DataError when that was not it."""
        self.block = max(self.block, BLOCK) * 8
        if "straddling" not in str(exc) or self.block > LONGEST_ROW:
            raise unreadable(self.layout, str(exc)) from exc


def _whole(found: pa.DataType) -> pa.DataType:
    """The type to read a column with whose first block looks like `found`."""
    import pyarrow as pa

    # Bytes are text in another encoding: reading them as text then says where.
    # A column without any value so far may yet have any, and text holds them all.
    if pa.types.is_null(found) or pa.types.is_binary(found) or pa.types.is_time(found):
        return pa.string()
    return pa.timestamp("us", found.tz) if pa.types.is_timestamp(found) else found


def _wider(narrow: pa.DataType, value: str, decimal: str) -> pa.DataType:
    """The next type that holds `value` and all that `narrow` holds."""
    import pyarrow as pa

    if pa.types.is_int64(narrow):
        wider = pa.float64()
    elif pa.types.is_date32(narrow):
        wider = pa.timestamp("us")
    else:
        return pa.string()
    try:
        pa.scalar(value.strip().replace(decimal, ".")).cast(wider)
    except pa.ArrowInvalid:
        return pa.string()
    return wider
