"""Where the files of the prediction log lie, and that they are for their owner alone: rows are personal data."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote


def root_of(home: Path) -> Path:
    """The folder of all projects' prediction logs."""
    return home / "predictions"


def folder_of(home: Path, project: str) -> Path:
    """The folder of one project's prediction log."""
    return root_of(home) / quote(project, safe=" ")


def private(folder: Path) -> Path:
    """The folder, made with its parents if it is not there; what is made here only its owner can open."""
    if not folder.is_dir():
        private(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def sync_folder(folder: Path) -> None:
    """Make sure that the names in a folder outlast a power loss."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(path: Path, *, shared: bool = False, wait: bool = True) -> Iterator[bool]:
    """Hold a lock that the kernel releases when the process dies; False when it is held and not waited for."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(descriptor)
        yield False
        return
    try:
        yield True
    finally:
        os.close(descriptor)
