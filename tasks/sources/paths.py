"""A file or folder that is there, or an error that names the one that may have been meant."""

from __future__ import annotations

from pathlib import Path

from tasks.core.errors import DataError
from tasks.core.nearest import perhaps


def existing_file(path: Path) -> Path:
    """The path itself; DataError when there is no file."""
    if existing(path).is_dir():
        raise DataError(f"{path} is a folder", expected="a file", action="Name one file in it")
    return path


def existing(path: Path) -> Path:
    """The path itself; DataError when nothing is there."""
    if path.exists():
        return path
    folder = path.parent
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}", action="Check `path` in the source")
    names = [entry.name for entry in folder.iterdir()]
    raise DataError(
        f"There is no {path.name} in {folder}",
        action=perhaps(path.name, names, "Check `path` in the source; it is relative to project.yaml"),
    )
