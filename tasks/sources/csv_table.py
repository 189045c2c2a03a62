"""One CSV file as a table whose columns have types that hold all their values.

Types are inferred from the first block. A first pass over the file then proves them, and widens a column whose later
values do not fit (whole number, number, text), so that all batches have one schema.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tasks.core import arrow
from tasks.sources.damage import is_cut_off, require_closed, unreadable
from tasks.sources.encoding import opened
from tasks.sources.layout import Layout

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import csv as pacsv

BLOCK = 4 << 20
"""Bytes read at a time. Of 1 to 64 MB all take the same time; pyarrow reads some sixteen blocks ahead."""

LONGEST_ROW = 1 << 30
"""Bytes; a longer row is taken for a quote that was never closed."""

_MISFIT = re.compile(r"In CSV column #(\d+):.*CSV conversion error to (.+?): (?:invalid value '(.*)')?", re.DOTALL)


class Table:
    """One file: its layout, the types of its columns, the columns without any value."""

    def __init__(self, layout: Layout, text: Iterable[str], missing: Iterable[str]) -> None:
        """`text` are columns that are text whatever they look like, `missing` the values that mean none."""
        import pyarrow as pa

        self.layout = layout
        self._missing = list(missing)
        self._types: dict[str, pa.DataType] = {name: pa.string() for name in text}
        self._valueless: set[str] = set()
        self._block = 0
        self.cut_off = ""
        """A row of another length: allowed once, as the last line of a file that is being written."""

    def prove(self) -> None:
        """Find the types that hold all the values of the file, and how large a block must be to hold any row."""
        import pyarrow as pa

        while True:
            try:
                with self._open() as reader:
                    first = {field.name: field.type for field in reader.schema}
                break
            except (pa.ArrowInvalid, UnicodeDecodeError) as exc:
                self._enlarge(exc)
        self._types = {name: _whole(kind) for name, kind in first.items()}
        self._valueless = {name for name, kind in first.items() if pa.types.is_null(kind)}
        while (misfit := self._misfit()) is not None:
            column, value = misfit
            name = self.layout.names[column]
            self._types[name] = _wider(self._types[name], value, self.layout.decimal)

    def schema(self) -> pa.Schema:
        """The proven types, as keepfit has them; a column without any value has none."""
        import pyarrow as pa

        types = [(name, pa.null() if name in self._valueless else self._types[name]) for name in self.layout.names]
        normal = arrow.normal_schema(pa.schema(types), self.layout.file.name)
        return pa.schema([pa.field(f.name, pa.null() if f.name in self._valueless else f.type) for f in normal])

    def read(self) -> Iterator[pa.RecordBatch]:
        """The rows in order, in the proven types."""
        with self._open() as reader:
            yield from reader

    def _misfit(self) -> tuple[int, str] | None:
        """The first column with a value that its type does not hold, and that value."""
        import pyarrow as pa

        n_rows, last = 0, None
        valueless = set(self._valueless)
        try:
            for batch in self.read():
                if batch.num_rows:
                    n_rows, last = n_rows + batch.num_rows, batch.columns[-1][-1]
                valueless -= {name for name in valueless if batch.column(name).null_count < batch.num_rows}
        except (pa.ArrowInvalid, UnicodeDecodeError) as exc:
            found = _MISFIT.search(str(exc))
            if found is None or found[2] == "string":
                self._enlarge(exc)
                return self._misfit()
            return int(found[1]), found[3] or ""
        if self.cut_off and not is_cut_off(self.layout, self.cut_off):
            raise unreadable(self.layout, "rows of other lengths")
        require_closed(self.layout, n_rows, last.as_py() if last is not None else None)
        self._valueless = valueless
        return None

    @contextmanager
    def _open(self) -> Iterator[pacsv.CSVStreamingReader]:
        from pyarrow import csv

        layout = self.layout
        self.cut_off = ""
        options = (
            csv.ReadOptions(
                block_size=max(self._block, BLOCK),
                encoding="utf8" if layout.encoding == "utf-8" else layout.encoding,
                column_names=list(layout.names),
                skip_rows_after_names=1,
            ),
            csv.ParseOptions(
                delimiter=layout.delimiter, newlines_in_values=True, invalid_row_handler=self._take_cut_off
            ),
            csv.ConvertOptions(
                column_types=self._types,
                null_values=self._missing,
                strings_can_be_null=True,
                true_values=["true", "True", "TRUE"],
                false_values=["false", "False", "FALSE"],
                decimal_point=layout.decimal,
            ),
        )
        with opened(layout.file) as stream, csv.open_csv(stream, *options) as reader:  # pyright: ignore
            yield reader

    def _take_cut_off(self, row: Any) -> str:
        if self.cut_off or row.actual_columns > row.expected_columns:
            return "error"
        self.cut_off = row.text
        return "skip"

    def _enlarge(self, exc: Exception) -> None:
        """Read in larger blocks when a row did not fit into one; DataError when that was not it."""
        self._block = max(self._block, BLOCK) * 8
        if "straddling" not in str(exc) or self._block > LONGEST_ROW:
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
