"""The log's Parquet files: written whole or not at all, and which segments and moments they hold.

A file of one segment has its stem; a day's file, `day-<day>-<digest>`, names its stems in its metadata, in order.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.core.predictions.layout import private, sync_folder
from tasks.core.predictions.rows import GROUP_BYTES, GROUP_ROWS

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

DAY = "day-"
WRITING = ".writing-"
_STEMS = b"keepfit.stems"


def parquet_files(folder: Path) -> Iterator[Path]:
    """The Parquet files of a project's folder."""
    return (folder / "parquet").glob("[!.]*.parquet")


def stems_of(path: Path, file: pq.ParquetFile) -> dict[str, int]:
    """The stems whose rows the file holds, in order, with their numbers of rows."""
    named = (file.schema_arrow.metadata or {}).get(_STEMS)
    return json.loads(named) if named else {path.stem: file.metadata.num_rows}


def times_of(file: pq.ParquetFile, group: int | None = None) -> tuple[datetime, datetime]:
    """The first and the last moment of a row group, or of the file."""
    groups = range(file.num_row_groups) if group is None else (group,)
    index = file.schema_arrow.get_field_index("__time__")
    found: list[Any] = [file.metadata.row_group(i).column(index).statistics for i in groups]
    return min(statistics.min for statistics in found), max(statistics.max for statistics in found)


def write(
    folder: Path, name: str, batches: Iterator[pa.RecordBatch], stems: Mapping[str, int] | None = None
) -> tuple[Path, int]:
    """Write the batches, which have one schema, under a temporary name; that and the number of rows, perhaps 0."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = private(folder / "parquet") / f"{WRITING}{name}.parquet"
    n_rows = 0
    writer: pq.ParquetWriter | None = None
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
        for group in _grouped(batches):
            if writer is None:
                schema = group.schema.with_metadata({_STEMS: json.dumps(stems)} if stems else None)
                # Numbers seldom come again; to look for that in each takes a fifth of the time.
                texts = [field.name for field in schema if not pa.types.is_floating(field.type)]
                writer = pq.ParquetWriter(file, schema, compression="zstd", use_dictionary=texts)  # pyright: ignore
            writer.write_table(group)
            n_rows += group.num_rows
        if writer is not None:
            writer.close()
        file.flush()
        os.fsync(file.fileno())
    return path, n_rows


def publish(path: Path) -> None:
    """Give a written file its name, for good."""
    path.rename(path.with_name(path.name.removeprefix(WRITING)))
    sync_folder(path.parent)


def _grouped(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The same rows as tables of a row group's size."""
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    n_rows = n_bytes = 0
    for batch in batches:
        held.append(batch)
        n_rows, n_bytes = n_rows + batch.num_rows, n_bytes + batch.nbytes
        if n_rows >= GROUP_ROWS or n_bytes >= GROUP_BYTES:
            yield pa.Table.from_batches(held)
            held, n_rows, n_bytes = [], 0, 0
    if held:
        yield pa.Table.from_batches(held)
