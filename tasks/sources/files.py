"""The files that `path` names, in order: one, a list, a folder, a pattern (`sales/*.csv`, `**`), or an address.

Here are those of this machine; addresses (`s3://…`) are in `remote.py`. A folder gives its files with the kind's
endings, at any depth, without those whose name starts with `.` or `_`: so tools mark what is not to be read (yet).
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import translate
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field

from tasks.core.errors import DataError
from tasks.sources.paths import existing

COMPRESSED = ("", ".gz", ".bz2", ".zst")

Place = Annotated[str, BeforeValidator(lambda said: os.fspath(said) if isinstance(said, os.PathLike) else said)]  # pyright: ignore[reportUnknownLambdaType]
"""A path or an address. No `pathlib.Path`, which would make `s3:/` of `s3://`."""
Places = Place | Annotated[tuple[Place, ...], Field(min_length=1)]


class NoFile(DataError):
    """A folder or a pattern with nothing to read: a mistake where rows must be, none where new ones are awaited."""


@dataclass(frozen=True)
class File:
    """One file, as it was when it was listed."""

    name: str
    """What messages call it: its path below the folder or pattern that was said."""
    key: str
    """Where it is, in full; without a secret."""
    size: int | None
    version: str
    """Another one when the file has changed: its time or tag. Empty when the place does not tell."""
    path: Path
    """Its bytes on this machine, once `fetch` has run."""
    fetch: Callable[[], object] = lambda: None


def listed(places: Places, endings: tuple[str, ...], folder: Path) -> list[File]:
    """The files in the order said, those of a folder or pattern by name, each once; `folder` is for what is remote."""
    from tasks.sources import remote

    files: dict[str, File] = {}
    for place in (places,) if isinstance(places, str) else places:
        try:
            found = remote.listed(place, endings, folder) if "://" in place else _local(Path(place), endings)
        except (OSError, ValueError) as exc:
            raise DataError(f"{place} cannot be looked at", found=_said(exc), action="Check `path` in source") from exc
        for file in found:
            files.setdefault(file.key, file)
    return list(files.values())


def is_single(places: Places) -> bool:
    """Whether one plain file of this machine is meant, which may be read anew at any time."""
    return isinstance(places, str) and "://" not in places and Path(places).is_file()


def title(places: Places) -> str:
    """What messages call them all; nothing of an address that may be secret."""
    first, *others = (places,) if isinstance(places, str) else places
    name = first.split("?")[0] if "://" in first else first
    name = name.rstrip("/").rsplit("/", 1)[-1] or first
    return f"{name} and {len(others)} more" if others else name


def no_file(place: str, endings: tuple[str, ...]) -> NoFile:
    """That a folder or pattern holds nothing to read."""
    wanted = ", ".join(endings)
    return NoFile(f"There is no file to read at {place}", expected=f"at least one that ends in {wanted}")


def _local(place: Path, endings: tuple[str, ...]) -> list[File]:
    if place.is_dir():
        found = sorted(_below(place, ()), key=lambda path: path.relative_to(place).parts)
        wanted = tuple(ending + more for ending in endings for more in COMPRESSED)
        files = [_file(path, place) for path in found if path.name.lower().endswith(wanted)]
    elif place.exists() or not (cut := _first_magic(place)):
        return [_file(place if place.is_symlink() else existing(place), place.parent)]
    else:
        root = Path(*place.parts[:cut])
        matches = _pattern(place.parts[cut:])
        depth = None if "**" in place.parts[cut:] else len(place.parts) - cut
        found = [path for path in _below(existing(root), (), depth) if matches(path.relative_to(root).as_posix())]
        files = [_file(path, root) for path in sorted(found, key=lambda path: path.relative_to(root).parts)]
    if not files:
        raise no_file(str(place), endings)
    return files


def _first_magic(place: Path) -> int:
    return next((i for i, part in enumerate(place.parts) if any(sign in part for sign in "*?[")), 0)


def _pattern(parts: tuple[str, ...]) -> Callable[[str], object]:
    """Whether a path below the pattern's root fits it; `**` is any number of folders."""
    one = [r"(?:[^/]+/)*" if part == "**" else _part(part) + "/" for part in parts]
    text = "".join(one).removesuffix("/") + ("[^/]+" if parts[-1] == "**" else "")
    return re.compile(text).fullmatch


def _part(part: str) -> str:
    # What `fnmatch` lets match anything may not match the sign between folders.
    return translate(part).removeprefix("(?s:").removesuffix(r")\Z").removesuffix(r")\z").replace(".*", "[^/]*")


def _below(folder: Path, above: tuple[tuple[int, int], ...], depth: int | None = None) -> Iterator[Path]:
    """The files in the folder and, if the depth allows it, those within it; links are followed, round trips told."""
    found = folder.stat()
    me = (found.st_dev, found.st_ino)
    if me in above:
        raise DataError(f"The link {folder} leads back to a folder that it is in", action="Remove the link")
    for entry in folder.iterdir():
        if entry.name.startswith((".", "_")):
            continue
        if not entry.is_dir():
            yield entry
        elif depth is None or depth > 1:
            yield from _below(entry, (*above, me), depth and depth - 1)


def _file(path: Path, root: Path) -> File:
    if path.is_symlink() and not path.exists():
        raise DataError(f"{path} is a link", expected="a file behind it", found="none", action="Mend the link")
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise DataError(f"{path} cannot be read", expected="a file", found="a pipe or device")
    if not os.access(path, os.R_OK):
        raise DataError(f"{path} may not be read", action="Give the user that runs keepfit the right to read it")
    name = path.relative_to(root).as_posix()
    return File(name=name, key=str(path), size=found.st_size, version=str(found.st_mtime_ns), path=path)


def _said(exc: Exception) -> str:
    return exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
