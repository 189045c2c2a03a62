"""Locks that the kernel releases when their process dies, however it dies; never a pid file.

A lock's file stays when the lock is released: removing it would let two processes lock two files of one name.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from tasks.core.errors import Unavailable


def take(path: Path, *, shared: bool = False, wait: bool = False) -> int | None:
    """A file descriptor that holds the lock until it is closed; None when another process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
    except BaseException as exc:
        os.close(descriptor)
        if isinstance(exc, BlockingIOError):
            return None
        raise
    return descriptor


def is_held(path: Path) -> bool:
    """Whether some process holds the lock."""
    descriptor = take(path, shared=True) if path.exists() else None
    if descriptor is not None:
        os.close(descriptor)
        return False
    return path.exists()


@contextmanager
def locked(home: Path, project: str, *, wait: bool = True, say: Callable[[str], None] | None = None) -> Iterator[None]:
    """Be the only run of this project in this home: wait for the one before, or be `Unavailable` at once."""
    path = home / "locks" / f"{quote(project, safe=' ')}.lock"
    descriptor = take(path)
    if descriptor is None:
        holder = path.read_text().strip() or "unknown"
        if not wait:
            raise Unavailable(
                f"Project {project} is busy",
                expected="no other run of it",
                found=f"the run of process {holder}",
                action="Wait for it to end, or end it",
            )
        (say or _on_stderr)(f"waiting for the run of {project} (pid {holder}) …")
        descriptor = take(path, wait=True)
    assert descriptor is not None
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)  # only for the sentence above
        yield
    finally:
        os.close(descriptor)


def _on_stderr(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
