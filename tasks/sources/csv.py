"""Rows from CSV files, streamed: memory does not grow with them. All batches have one schema, which was proven."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from tasks.core import arrow
from tasks.core.errors import DataError
from tasks.core.intake import Intake
from tasks.core.records import Record
from tasks.sources.csv_table import Table
from tasks.sources.files import File, Places, title
from tasks.sources.growing import reading
from tasks.sources.layout import Layout, layout_of, words_for_nothing

if TYPE_CHECKING:
    import pyarrow as pa

ENDINGS = (".csv", ".tsv")

MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "?", "#N/A")

WITHIN = "in a file's first megabyte"
"""Where the words for a missing value are counted, by column, so that they can be named."""


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
        found: dict[str, Table] = {}

        def look(file: File) -> pa.Schema:
            layout = layout_of(file, self.delimiter, self.encoding, self.decimal)
            self._require_known(layout)
            table = found[file.key] = Table(layout, self.text, self.missing)
            table.prove()
            return table.schema()

        with reading(self.path, ENDINGS, intake) as (files, _):
            schema = files.schema(look)
            for file in files.files:
                table = found[file.key]
                for batch in table.read():
                    yield arrow.cast(batch, schema, file.name)  # pyright: ignore[reportArgumentType]
                for (name, word), n_rows in words_for_nothing(table.layout, self.missing).items():
                    intake.note("missing", f"`{word}` {WITHIN}, counted as missing", n_rows, name)
                if line := table.cut_off:
                    intake.reject(f"{file.name}, last line", "the file ends within this line", line)
            if found:
                intake.look = "; ".join(dict.fromkeys(table.layout.look for table in found.values()))
            files.done()

    def _require_known(self, layout: Layout) -> None:
        if unknown := [name for name in self.text if name not in layout.names]:
            raise DataError(f"{layout.file.name} has no column {unknown[0]!r}", action="Check `text` in the source")
