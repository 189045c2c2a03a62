"""Which file holds the rows of which segment, at one moment, while others write, compact and merge.

A stem names a segment for good. Its rows are in the segment, then in a Parquet file of that stem, then in a day's
file whose metadata name its stems in order, with their numbers of rows. For a moment two files hold the same rows;
the one that names more stems counts, and the other is about to be removed.
"""

from __future__ import annotations

from pathlib import Path

from tasks.core.predictions.layout import locked
from tasks.core.predictions.parquet import DAY, parquet_files, stems_of


def catalogue(folder: Path) -> Path:
    """The lock under which files are renamed and removed, and listed."""
    return folder / ".catalogue"


def listing(folder: Path) -> dict[str, Path]:
    """For each stem of a project's folder the file that holds its rows."""
    import pyarrow.parquet as pq

    if not folder.is_dir():
        return {}
    segments = folder / "segments"
    found: dict[str, Path] = {}
    with locked(catalogue(folder), shared=True):
        # A writer renames without the lock, and a folder that is read meanwhile may show neither name; the second
        # reading shows the new one, for nothing removes it under the lock.
        for _ in range(2):
            for path in segments.glob("*.*"):
                if path.suffix == ".seg" or (path.suffix == ".open" and path.stem not in found):
                    found[path.stem] = path
        days: list[tuple[int, Path, list[str]]] = []
        for path in parquet_files(folder):
            if path.name.startswith(DAY):
                with pq.ParquetFile(path) as file:
                    stems = stems_of(path, file)
                days.append((len(stems), path, list(stems)))
            else:
                found[path.stem] = path
        for _, path, stems in sorted(days):
            found |= dict.fromkeys(stems, path)
    return dict(sorted(found.items()))
