"""What the prediction log forgets: whole files whose last row is older than the time of retention, and their media."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.core import clock
from tasks.core.predictions import media
from tasks.core.predictions.compaction import lock_of, tidy
from tasks.core.predictions.fitting import TYPE
from tasks.core.predictions.layout import locked
from tasks.core.predictions.listing import catalogue, listing
from tasks.core.predictions.moments import aware
from tasks.core.predictions.parquet import parquet_files, times_of
from tasks.core.predictions.rows import batches, of_file
from tasks.core.records import BYTES, Record

if TYPE_CHECKING:
    import pyarrow as pa

YOUNG = timedelta(days=1)
"""Media that were sent within it stay: their rows may be on the way."""


class Expired(Record):
    """How many files of rows, of refusals, and of images and sounds were removed."""

    n_files: int = 0
    n_refusals: int = 0
    n_media: int = 0


def expire(folder: Path, keep: timedelta, *, now: datetime | None = None) -> Expired:
    """Remove what is older than `keep` from a project's folder, file by file: a file goes when its last row is older.

    An image or a sound goes when no row names it any more. Segments that are not complete stay.
    """
    if not folder.is_dir():
        return Expired()
    now = aware(now) if now else clock.now()
    before = now - keep
    with locked(lock_of(folder)):
        tidy(folder)
        old = [path for path in _row_files(folder) if _last(path) < before]
        old += [path for path in folder.glob("segments/*.torn") if _written(path) < before]
        refusals = [path for path in folder.glob("refusals/*.jsonl") if path.name[:8] < f"{before:%Y%m%d}"]
        with locked(catalogue(folder)):
            for path in [*old, *refusals]:
                path.unlink()
        return Expired(n_files=len(old), n_refusals=len(refusals), n_media=_sweep(folder, min(before, now - YOUNG)))


def _row_files(folder: Path) -> Iterator[Path]:
    yield from parquet_files(folder)
    yield from folder.glob("segments/*.seg")


def _last(path: Path) -> datetime:
    """The moment of the last row."""
    import pyarrow.compute
    import pyarrow.parquet as pq

    if path.suffix == ".parquet":
        with pq.ParquetFile(path) as file:
            return times_of(file)[1]
    pc: Any = pyarrow.compute  # its functions are made when it is imported
    times = [pc.max(batch.column("__time__")).as_py() for batch in batches(path)]
    return max(times, default=datetime.min.replace(tzinfo=UTC))


def _written(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _sweep(folder: Path, before: datetime) -> int:
    """Remove the media that no row names and that were last sent before then; how many."""
    old = [path for path in folder.glob("media/*/*") if _written(path) < before]
    named = {digest for path in set(listing(folder).values()) for digest in _digests(path)} if old else set[bytes]()
    gone = [path for path in old if path.name.encode() not in named]
    for path in gone:
        with locked(media.lock_of(folder)):
            if _written(path) < before:  # it may have been sent again meanwhile
                path.unlink()
    return len(gone)


def _digests(path: Path) -> Iterator[bytes]:
    """The digests of images and sounds that the rows of a file name."""
    import pyarrow.parquet as pq

    if path.suffix == ".parquet":
        with pq.ParquetFile(path) as file:
            names = _media_columns(file.schema_arrow)
            found = file.iter_batches(columns=names) if names else ()
            yield from (digest for batch in found for digest in _texts(batch, names))
    else:
        try:
            file = path.open("rb")
        except FileNotFoundError:  # its writer has completed it since it was listed
            file = path.with_suffix(".seg").open("rb")
        with file:
            for batch in of_file(file, path):
                yield from _texts(batch, _media_columns(batch.schema))


def _media_columns(schema: pa.Schema) -> list[str]:
    return [field.name for field in schema if (field.metadata or {}).get(TYPE, b"").decode() in BYTES]


def _texts(batch: pa.RecordBatch, names: list[str]) -> Iterator[bytes]:
    for name in names:
        yield from (text.encode() for text in batch.column(name).drop_null().to_pylist())
