"""Rows from JSON lines: one object a line, streamed; the first block of the file decides the columns and types."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tasks.core import arrow
from tasks.core.errors import DataError
from tasks.core.intake import Intake
from tasks.core.records import Record
from tasks.sources.paths import existing_file

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK_BYTES = 16 << 20


class Jsonl(Record):
    """A file of JSON objects, one a line (`.jsonl`, `.ndjson`)."""

    kind: Literal["jsonl"] = "jsonl"
    path: Path

    @property
    def title(self) -> str:
        return self.path.name

    def batches(self, intake: Intake) -> Iterator[pa.RecordBatch]:
        """The rows in order, as batches of one schema; DataError for what is no such file."""
        import pyarrow as pa
        from pyarrow import json

        if not existing_file(self.path).stat().st_size:
            raise DataError(f"{self.title} is empty", expected="one JSON object a line", action="Check what wrote it")
        try:
            with json.open_json(self.path, read_options=json.ReadOptions(block_size=BLOCK_BYTES)) as reader:
                schema = arrow.normal_schema(reader.schema, self.title)
                for batch in reader:
                    yield arrow.cast(batch, schema, self.title)
        except pa.ArrowInvalid as exc:
            raise DataError(
                f"{self.title} cannot be read as JSON lines",
                expected="one JSON object a line, with values of one type a key",
                found=str(exc),
                action="Mend that line",
            ) from exc
