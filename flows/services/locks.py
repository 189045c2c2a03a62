"""One run of a project at a time in a home, by a lock that the kernel releases when the run dies."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from tasks.core.errors import Unavailable
from tasks.core.locks import is_held, take

__all__ = ["is_held", "locked", "take"]


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
