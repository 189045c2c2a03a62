"""Segments into Parquet, and the Parquet files of past days into one a day, while servers write and monitors read.

Each step writes a file under a temporary name, syncs and renames it, and only then removes what it stands for. After
a kill at any point the rows are in two files for a while; `listing` knows which counts, and the next call tidies up.
"""

from __future__ import annotations

import fcntl
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from tasks.core import clock
from tasks.core.predictions.frames import intact_size
from tasks.core.predictions.layout import locked
from tasks.core.predictions.listing import catalogue, listing
from tasks.core.predictions.merging import merge
from tasks.core.predictions.parquet import WRITING, parquet_files, publish, write
from tasks.core.predictions.rows import batches
from tasks.core.records import Record


class Compacted(Record):
    """What was done: so many segments with so many rows are Parquet now, so many files went into those of days.

    Of `n_torn` segments the bytes after the last intact request are kept beside them for a look, as `.torn`.
    """

    n_segments: int = 0
    n_rows: int = 0
    n_torn: int = 0
    n_merged: int = 0


def compact(folder: Path, *, now: datetime | None = None, wait: bool = True) -> Compacted | None:
    """Make Parquet of all complete segments of a project's folder, and one file of each past UTC day.

    One process does so at a time; None when another does and `wait` is off. Memory is bounded by a row group.
    """
    if not folder.is_dir():
        return Compacted()
    with locked(lock_of(folder), wait=wait) as alone:
        if not alone:
            return None
        tidy(folder)
        done = [_compact(folder, path) for path in sorted(folder.glob("segments/*.seg"))]
        return Compacted(
            n_segments=len(done),
            n_rows=sum(n_rows for n_rows, _ in done),
            n_torn=sum(torn for _, torn in done),
            n_merged=merge(folder, now or clock.now()),
        )


def lock_of(folder: Path) -> Path:
    """Who holds it is the only process that compacts or expires the log."""
    return folder / ".compaction"


def tidy(folder: Path) -> None:
    """Complete the segments of dead processes, and remove what kills of compactions and servers left behind."""
    for path in folder.glob(f"parquet/{WRITING}*"):
        path.unlink()
    for path in folder.glob("segments/.new-*"):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < time.time() - 3600:  # to begin a segment takes no hour
                path.unlink()
    for path in folder.glob("segments/*.open"):
        # A writer holds the lock as long as it lives; one that completes its segment now has renamed it.
        with suppress(FileNotFoundError, BlockingIOError), path.open("rb") as file, locked(catalogue(folder)):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.rename(path.with_suffix(".seg"))
    holders = listing(folder)
    for path in folder.glob("segments/*.seg"):
        holder = holders.get(path.stem)
        if holder and holder.suffix == ".parquet":
            _retire(folder, path)
    with locked(catalogue(folder)):
        for path in set(parquet_files(folder)) - set(holders.values()):
            path.unlink()


def _compact(folder: Path, segment: Path) -> tuple[int, bool]:
    """How many rows a segment gave, and whether it ended torn."""
    written, n_rows = write(folder, segment.stem, batches(segment))
    if not n_rows:
        written.unlink()
    return n_rows, _retire(folder, segment, written if n_rows else None)


def _retire(folder: Path, segment: Path, written: Path | None = None) -> bool:
    """Put Parquet in the place of a segment; if the segment ends in what is no row, it stays under another name."""
    torn = intact_size(segment) < segment.stat().st_size
    with locked(catalogue(folder)):
        if written:
            publish(written)
        if torn:
            segment.rename(segment.with_suffix(".torn"))
        else:
            segment.unlink()
    return torn
