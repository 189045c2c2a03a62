"""The files of a folder of images or sounds, in the order of their paths, and the bytes of each or why it is no row.

Not looked at are hidden files and folders, what macOS packs along (`__MACOSX`), and files of other endings; they are
counted. What has the ending of a medium and still cannot be a row is a `Faulty` with the reason: it goes into
quarantine. A name alone proves nothing, so the content must begin like the format that the ending stands for.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tasks.core.errors import DataError
from tasks.core.media import Format, format_of
from tasks.core.nearest import perhaps

LARGEST = 64 << 20
"""Bytes of one file. A row is in memory as a whole, and several are at a time."""

_PACKED = "__MACOSX"


class Faulty(Exception):
    """Why a file cannot be a row, and how its content begins."""

    def __init__(self, reason: str, content: bytes = b"", *, lasting: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.content = content
        self.lasting = lasting
        """False when the same file may be readable another time."""


@dataclass(frozen=True)
class MediaFile:
    """A file as it was when it was listed; `name` is its path within the folder, with `/` whatever the system."""

    name: str
    path: Path
    stamp: tuple[int, int]
    """Its size and time of change: another one when the content may be another."""
    fault: str = ""
    """Why it is not even opened."""


@dataclass(frozen=True)
class Listing:
    """The files that are meant, and how many others there are."""

    files: tuple[MediaFile, ...]
    n_others: int


def listed(root: Path, formats: Mapping[str, Format], foreign: Collection[str]) -> Listing:
    """The folder's files at any depth whose endings stand for formats, or are `foreign`: known, and not read.

    DataError when there is no such folder. A link may lead to a file within the folder, and nowhere else.
    """
    if not root.is_dir():
        raise _no_folder(root)
    files: list[MediaFile] = []
    n_others = 0
    within = root.resolve()
    for path, fault in _below(root):
        ending = path.suffix.lower()
        if not fault and ending not in formats and ending not in foreign:
            n_others += 1
            continue
        if not fault and ending in foreign:
            fault = f"{ending} is not read, only {', '.join(formats)}"
        name = path.relative_to(root).as_posix()
        shown = os.fsencode(name).decode(errors="replace")
        fault = fault or _misplaced(path, within) or ("its name is not in UTF-8" if shown != name else "")
        files.append(MediaFile(shown, path, _stamp(path), fault))
    return Listing(tuple(sorted(files, key=lambda file: file.name.split("/"))), n_others)


def content(file: MediaFile, formats: Mapping[str, Format]) -> bytes:
    """The file's bytes; raises Faulty when they cannot be a row."""
    if file.fault:
        raise Faulty(file.fault)
    try:
        with file.path.open("rb") as stream:
            found = stream.read(min(os.fstat(stream.fileno()).st_size, LARGEST) + 1)
    except OSError as exc:
        raise Faulty(f"it cannot be opened: {exc.strerror}", lasting=False) from exc
    if not found:
        raise Faulty("it is empty")
    if len(found) > LARGEST:
        raise Faulty(f"it is larger than {LARGEST >> 20} MiB", found[:1024])
    expected, alike = formats[file.path.suffix.lower()], format_of(found)
    if alike != expected:
        raise Faulty(f"its name says {expected}, its content {alike or 'no known format'}", found)
    return found


def _below(folder: Path) -> Iterator[tuple[Path, str]]:
    """All files at any depth, and with a fault the folders that cannot be looked into."""
    try:
        entries = list(os.scandir(folder))
    except OSError as exc:
        yield folder, f"the folder cannot be opened: {exc.strerror}"
        return
    for entry in entries:
        path = folder / entry.name
        if entry.name.startswith(".") or entry.name == _PACKED:
            continue
        if not entry.is_dir():
            yield path, ""
        elif entry.is_symlink():
            # Within the folder its files are listed where they are, and outside is out of bounds.
            yield path, "it is a link to a folder"
        else:
            yield from _below(path)


def _misplaced(path: Path, within: Path) -> str:
    """Why the file is not opened, whatever it holds; a pipe would wait for ever."""
    try:
        target = path.resolve(strict=True)
        is_file = stat.S_ISREG(target.stat().st_mode)
    except (OSError, RuntimeError):
        return "it is a link that leads nowhere"
    if not target.is_relative_to(within):
        return "it is a link that leads out of the folder"
    return "" if is_file else "it is no file"


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return (-1, -1)
    return (found.st_size, found.st_mtime_ns)


def _no_folder(root: Path) -> DataError:
    if root.exists():
        return DataError(f"{root} is no folder", expected="a folder of files", action="Check `path` in the source")
    if not root.parent.is_dir():
        return DataError(f"There is no folder {root.parent}", action="Check `path` in the source")
    names = [entry.name for entry in root.parent.iterdir() if entry.is_dir()]
    action = perhaps(root.name, names, "Check `path` in the source; it is relative to project.yaml")
    return DataError(f"There is no folder {root.name} in {root.parent}", action=action)
