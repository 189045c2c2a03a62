"""Rows from a CSV file, streamed: memory does not grow with the file.

Types are inferred from the first block. A first pass over the file then proves them, and widens a column whose later
values do not fit (whole number, number, text), so that all batches have one schema.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from tasks.core import arrow
from tasks.core.intake import Intake
from tasks.core.records import Record
from tasks.sources.damage import require_closed, unreadable
from tasks.sources.layout import Layout, layout_of
from tasks.sources.paths import existing_file

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK = 4 << 20
"""Bytes read at a time. Of 1 to 64 MB all take the same time; pyarrow reads some sixteen blocks ahead."""

MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "?", "#N/A")

_MISFIT = re.compile(r"In CSV column #(\d+):.*CSV conversion error to (.+?): (?:invalid value '(.*)')?", re.DOTALL)


class Csv(Record):
    """A delimited text file with a header, plain or compressed (.gz, .bz2, .zst)."""

    kind: Literal["csv"] = "csv"
    path: Path
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    """Found out when not said: comma, semicolon, tab or bar."""
    encoding: str | None = None
    """UTF-8, or UTF-16 with a byte order mark, when not said."""
    missing: tuple[str, ...] = MISSING
    """The values that mean that there is none, in columns of any type."""

    @property
    def title(self) -> str:
        return self.path.name

    def batches(self, intake: Intake) -> Iterator[pa.RecordBatch]:
        """The rows in order, as batches of one schema; DataError for a file that is no such table."""
        layout = layout_of(existing_file(self.path), self.delimiter, self.encoding)
        types = self._types(layout)
        schema: pa.Schema | None = None
        for batch in self._read(layout, types):
            schema = arrow.normal_schema(batch.schema, self.title) if schema is None else schema
            yield arrow.cast(batch, schema, self.title)

    def _types(self, layout: Layout) -> dict[str, pa.DataType]:
        import pyarrow as pa

        try:
            with self._open(layout, {}) as reader:
                types = {field.name: _whole(field.type) for field in reader.schema}
        except (pa.ArrowInvalid, UnicodeDecodeError) as exc:
            raise unreadable(layout, str(exc)) from exc
        while (misfit := self._misfit(layout, types)) is not None:
            column, value = misfit
            name = layout.names[column]
            types[name] = _wider(types[name], value)
        return types

    def _misfit(self, layout: Layout, types: dict[str, pa.DataType]) -> tuple[int, str] | None:
        """The first column with a value that its type does not hold, and that value."""
        import pyarrow as pa

        n_rows, last = 0, None
        try:
            for batch in self._read(layout, types):
                if batch.num_rows:
                    n_rows, last = n_rows + batch.num_rows, batch.columns[-1][-1]
        except (pa.ArrowInvalid, UnicodeDecodeError) as exc:
            found = _MISFIT.search(str(exc))
            if found is None or found[2] == "string":
                raise unreadable(layout, str(exc)) from exc
            return int(found[1]), found[3] or ""
        require_closed(layout, n_rows, last.as_py() if last is not None else None)
        return None

    def _read(self, layout: Layout, types: dict[str, pa.DataType]) -> Iterator[pa.RecordBatch]:
        with self._open(layout, types) as reader:
            yield from reader

    def _open(self, layout: Layout, types: dict[str, pa.DataType]):
        from pyarrow import csv

        return csv.open_csv(
            layout.path,
            csv.ReadOptions(
                block_size=BLOCK,
                encoding="utf8" if layout.encoding == "utf-8" else layout.encoding,
                column_names=list(layout.names),
                skip_rows_after_names=1,
            ),
            csv.ParseOptions(delimiter=layout.delimiter, newlines_in_values=True),
            csv.ConvertOptions(
                column_types=types,
                null_values=list(self.missing),
                strings_can_be_null=True,
                true_values=["true", "True", "TRUE"],
                false_values=["false", "False", "FALSE"],
            ),
        )


def _whole(found: pa.DataType) -> pa.DataType:
    """The type to read a column with whose first block looks like `found`."""
    import pyarrow as pa

    # Bytes are text in another encoding: reading them as text then says where.
    # A column without any value so far may yet have any, and text holds them all.
    if pa.types.is_null(found) or pa.types.is_binary(found) or pa.types.is_time(found):
        return pa.string()
    return pa.timestamp("us", found.tz) if pa.types.is_timestamp(found) else found


def _wider(narrow: pa.DataType, value: str) -> pa.DataType:
    """The next type that holds `value` and all that `narrow` holds."""
    import pyarrow as pa

    if pa.types.is_int64(narrow):
        wider = pa.float64()
    elif pa.types.is_date32(narrow):
        wider = pa.timestamp("us")
    else:
        return pa.string()
    try:
        pa.scalar(value.strip()).cast(wider)
    except pa.ArrowInvalid:
        return pa.string()
    return wider
