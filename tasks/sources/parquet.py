"""Rows from Parquet files, streamed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from tasks.core import arrow
from tasks.core.errors import DataError
from tasks.core.intake import Intake
from tasks.core.records import Record
from tasks.sources.files import File, Places, title
from tasks.sources.growing import NoRows, reading

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

ENDINGS = (".parquet",)
CELLS = 1 << 20
"""How many values a batch holds at most, whatever the number of columns."""


class Parquet(Record):
    """Parquet files of one schema."""

    kind: Literal["parquet"] = "parquet"
    path: Places

    @property
    def title(self) -> str:
        return title(self.path)

    def batches(self, intake: Intake) -> Iterator[pa.RecordBatch]:
        """The rows in order, as batches of one schema; DataError for files that are no such table."""
        with reading(self.path, ENDINGS, intake) as (files, _):
            schema = files.schema(_schema)
            for file in files.files:
                for batch in _read(file):
                    yield arrow.cast(batch, schema, file.name)  # pyright: ignore[reportArgumentType]
            files.done()


def _schema(file: File) -> pa.Schema:
    import pyarrow as pa

    with _opened(file) as parquet:
        found = parquet.schema_arrow
        names = found.names
        repeated = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
        if repeated:
            raise DataError(f"{file.name} has columns of the same name", found=", ".join(map(repr, repeated[:5])))
        if not parquet.metadata.num_rows:
            raise NoRows(f"{file.name} has no rows", expected="at least one", action="Check what wrote it")
        normal = arrow.normal_schema(found, file.name)
        return pa.schema(
            [pa.field(f.name, pa.null() if pa.types.is_null(f.type) else normal.field(f.name).type) for f in found]
        )


def _read(file: File) -> Iterator[pa.RecordBatch]:
    with _opened(file) as parquet:
        rows = max(1, min(arrow.GROUP_ROWS, CELLS // max(parquet.metadata.num_columns, 1)))
        for batch in parquet.iter_batches(batch_size=rows):
            # A damaged file may hold text that is none, and what computes with it would crash.
            batch.validate(full=True)
            yield batch


@contextmanager
def _opened(file: File) -> Iterator[pq.ParquetFile]:
    import pyarrow as pa
    from pyarrow import parquet

    if file.path.stat().st_size == 0:
        raise NoRows(f"{file.name} is empty", expected="a Parquet file", action="Check what wrote it")
    try:
        # By default the whole file is read ahead, and held until the end.
        with parquet.ParquetFile(file.path, pre_buffer=False) as opened:
            yield opened
    except (pa.ArrowException, OSError, UnicodeDecodeError, OverflowError) as exc:
        raise DataError(
            f"{file.name} cannot be read as Parquet",
            found=str(exc),
            action="Check whether it is still being written, or write it again",
        ) from exc
