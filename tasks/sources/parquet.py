"""Rows from Parquet: one file, a folder of files, or a pattern such as `sales/*.parquet`; streamed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tasks.core import arrow
from tasks.core.errors import DataError
from tasks.core.intake import Intake
from tasks.core.records import Record
from tasks.sources.paths import existing

if TYPE_CHECKING:
    import pyarrow as pa

CELLS = 1 << 20
"""How many values a batch holds at most, whatever the number of columns."""


class Parquet(Record):
    """Parquet files of one schema, read in the order of their names."""

    kind: Literal["parquet"] = "parquet"
    path: Path

    @property
    def title(self) -> str:
        return self.path.name

    def batches(self, intake: Intake) -> Iterator[pa.RecordBatch]:
        """The rows in order, as batches of one schema; DataError for files that are no such table."""
        import pyarrow as pa
        from pyarrow import parquet

        schema: pa.Schema | None = None
        for path in self._files():
            try:
                with parquet.ParquetFile(path) as file:
                    found = arrow.normal_schema(file.schema_arrow, path.name)
                    schema = found if schema is None else schema
                    _require_same(path, found, schema)
                    rows = max(1, min(arrow.GROUP_ROWS, CELLS // max(len(found), 1)))
                    for batch in file.iter_batches(batch_size=rows):
                        yield arrow.cast(batch, schema, path.name)
            except (pa.ArrowInvalid, OSError) as exc:
                raise DataError(f"{path.name} cannot be read as Parquet", found=str(exc)) from exc

    def _files(self) -> list[Path]:
        if any(sign in self.path.name for sign in "*?["):
            files = sorted(existing(self.path.parent).glob(self.path.name))
        elif existing(self.path).is_dir():
            files = sorted(self.path.rglob("*.parquet"))
        else:
            files = [self.path]
        if not files:
            raise DataError(f"There is no Parquet file at {self.path}", expected="at least one `.parquet` file")
        return files


def _require_same(path: Path, found: pa.Schema, schema: pa.Schema) -> None:
    names = found.names
    repeated = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if repeated:
        raise DataError(f"{path.name} has columns of the same name", found=", ".join(map(repr, repeated[:5])))
    theirs, ours = ({field.name: str(field.type) for field in fields} for fields in (found, schema))
    for name in ours | theirs:
        if ours.get(name) != theirs.get(name):
            raise DataError(
                f"{path.name} differs from the files before it in column {name!r}",
                expected=ours.get(name, "no such column"),
                found=theirs.get(name, "no such column"),
                action="Write all files with one schema",
            )
