"""What a serving process appends its answers to: one frame a request, one write a call, whole or not at all.

A kill -9 loses nothing that was appended, for the kernel has it; at worst the last frame is torn, and a reader stops
before it. Only a power loss can take the last seconds, unless each append waits for the disk (`sync`).
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Literal

from tasks.core.errors import NotLogged
from tasks.core.predictions.frames import arrow_frame, framed, rows_frame
from tasks.core.predictions.layout import private, sync_folder
from tasks.core.records import Column, Problem, Record

__all__ = ["Header", "NotLogged", "Role", "Segment", "arrow_frame", "rows_frame"]

Role = Literal["champion", "canary", "shadow"]

_NUMBERS = count(1)  # two models of one process have segments of their own, and one prefix


class Header(Record):
    """What holds for all rows of a segment. `columns` are those that are logged, in the order of the rows' values.

    `digest` is the SHA-256 of the model's ONNX file, `prefix` the random hex that the ids of a process begin with.
    A hashed column is of type text; one of images or sounds holds the digests of their bytes.
    """

    format: Literal[1] = 1
    project: str
    version: str
    digest: str
    role: Role
    columns: tuple[Column, ...]
    hashed: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    problem: Problem
    prefix: str


class Segment:
    """The open end of the log for one model in one process; not for several threads at once."""

    def __init__(self, folder: Path, header: Header, roll_bytes: int, roll_seconds: float, sync: bool) -> None:
        self.header = header
        self._folder = folder / "segments"
        self._roll_bytes = roll_bytes
        self._roll_seconds = roll_seconds
        self._sync = sync
        self._path = self._folder
        self._descriptor = -1
        self._size = self._empty = 0
        self._due = 0.0

    @classmethod
    def create(
        cls,
        folder: Path,
        header: Header,
        *,
        roll_bytes: int = 64 * 2**20,
        roll_seconds: float = 300,
        sync: bool = False,
    ) -> Segment:
        """A segment in a project's folder (`layout.folder_of`), open; NotLogged when it cannot be written.

        With `sync`, what was appended outlasts a power loss too, at the price of a wait for the disk.
        """
        segment = cls(folder, header, roll_bytes, roll_seconds, sync)
        segment._roll()
        return segment

    def append(self, frames: bytes | list[bytes]) -> None:
        """Write the frames, all of them or none; NotLogged says why none, and the segment can go on afterwards."""
        data = frames if isinstance(frames, bytes) else b"".join(frames)
        if self._size >= self._roll_bytes or monotonic() >= self._due:
            self._roll()
        descriptor, size = self._descriptor, len(data)
        try:
            written = os.write(descriptor, data)
            while written < size:  # the next write tells why, or writes the rest
                written += os.write(descriptor, data[written:])
            if self._sync:
                os.fdatasync(descriptor)
        except OSError as exc:
            self._undo()
            raise self._failure(exc) from exc
        self._size += size

    def tick(self) -> None:
        """Complete the file if it is old, so that it can be compacted while no request comes."""
        if self._descriptor >= 0 and monotonic() >= self._due and self._size > self._empty:
            self.close()

    def close(self) -> None:
        """Complete the file, or remove it if no row is in it; a later append opens another."""
        if self._descriptor < 0:
            return
        with suppress(OSError):  # left as it is, it counts as complete once the lock is gone
            if self._size > self._empty:
                self._path.rename(self._path.with_suffix(".seg"))
            else:
                self._path.unlink()
        os.close(self._descriptor)
        self._descriptor, self._due = -1, 0.0

    def _undo(self) -> None:
        try:
            os.ftruncate(self._descriptor, self._size)
        except OSError:
            self.close()  # the torn end is the file's end for good; the next append opens another

    def _roll(self) -> None:
        if self._descriptor >= 0 and self._size == self._empty:
            self._due = monotonic() + self._roll_seconds
            return
        try:
            path, descriptor, size = self._open()
        except OSError as exc:
            if self._descriptor < 0:
                raise self._failure(exc) from exc
            self._due = monotonic() + 1  # the file at hand may still take some
            return
        self.close()
        self._path, self._descriptor, self._size, self._empty = path, descriptor, size, size
        self._due = monotonic() + self._roll_seconds

    def _open(self) -> tuple[Path, int, int]:
        """A new file with its header. It gets its name once it is locked: unlocked, it would count as complete."""
        private(self._folder)
        stem = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{self.header.prefix}-{next(_NUMBERS)}"
        new, path = self._folder / f".new-{stem}", self._folder / f"{stem}.open"
        data = framed(self.header.model_dump_json().encode())
        descriptor = os.open(new, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            written = 0
            while written < len(data):
                written += os.write(descriptor, data[written:])
            new.rename(path)
            if self._sync:
                sync_folder(self._folder)
        except BaseException:
            os.close(descriptor)
            new.unlink(missing_ok=True)
            raise
        return path, descriptor, len(data)

    def _failure(self, error: OSError) -> NotLogged:
        return NotLogged(f"The answers of {self.header.project} could not be logged in {self._folder}", error)
