"""The Parquet files of a past day as one, for a reader of months should not open a thousand files a day."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.core.errors import DataError
from tasks.core.predictions.layout import locked
from tasks.core.predictions.listing import catalogue
from tasks.core.predictions.moments import naive
from tasks.core.predictions.parquet import DAY, parquet_files, publish, stems_of, times_of, write

if TYPE_CHECKING:
    import pyarrow as pa

LATE = timedelta(hours=1)
"""How long after midnight a day is past: until then segments with rows of it may still be on their way."""


def merge(folder: Path, now: datetime) -> int:
    """Make one file of those of each past UTC day that have equal columns; how many files are gone.

    The only caller holds the lock of compaction. A file belongs to the day of its last row.
    """
    import pyarrow.parquet as pq

    today = naive(now - LATE).date()
    days: dict[tuple[date, bytes], list[tuple[datetime, Path, dict[str, int]]]] = {}
    for path in parquet_files(folder):
        with pq.ParquetFile(path) as file:
            first, last = times_of(file)
            if naive(last).date() < today:
                columns = file.schema_arrow.remove_metadata().serialize().to_pybytes()
                key = naive(last).date(), columns
                days.setdefault(key, []).append((first, path, stems_of(path, file)))
    return sum(_merge(folder, day, sorted(files)) for (day, _), files in days.items() if len(files) > 1)


def _merge(folder: Path, day: date, files: list[tuple[datetime, Path, dict[str, int]]]) -> int:
    paths = [path for _, path, _ in files]
    stems = {stem: n_rows for _, _, some in files for stem, n_rows in some.items()}
    digest = hashlib.sha256(json.dumps([*stems]).encode()).hexdigest()
    written, n_rows = write(folder, f"{DAY}{day:%Y%m%d}-{digest[:12]}", _batches(paths), stems)
    if n_rows != sum(stems.values()):
        raise DataError(
            f"The Parquet files of {day} in {folder} cannot be merged",
            expected=f"{sum(stems.values())} rows, as they say",
            found=f"{n_rows}",
            action="Look for files that were put there by hand",
        )
    with locked(catalogue(folder)):
        publish(written)
        for path in paths:
            path.unlink()
    return len(paths)


def _batches(paths: list[Path]) -> Iterator[pa.RecordBatch]:
    import pyarrow.parquet as pq

    for path in paths:
        with pq.ParquetFile(path) as file:
            for index in range(file.num_row_groups):
                for batch in file.read_row_group(index).to_batches():
                    yield batch.replace_schema_metadata(None)
