"""Files on their way into the store: hashed as they are written, named by their content when they are whole."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any, BinaryIO

from tasks.core.records import Blob


def place(folder: Path, blob: Blob) -> Path:
    """Where the blob lies in the folder of blobs."""
    return folder / blob.digest[:2] / f"{blob.digest}{blob.suffix}"


class HashingFile:
    """A binary file that knows the SHA-256 of what was written, so that nothing is read a second time."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self.size = 0

    @property
    def closed(self) -> bool:
        return self._file.closed

    def write(self, data: Any) -> int:
        written = self._file.write(data)
        self._sha256.update(data)
        self.size += written
        return written

    def tell(self) -> int:
        return self.size

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        """The store closes the file, after it has synced it."""

    def digest(self) -> str:
        return self._sha256.hexdigest()


class Pending:
    """A file on its way into the folder of blobs: write to `file`, then call `keep()` once."""

    def __init__(self, folder: Path, suffix: str) -> None:
        handle, name = tempfile.mkstemp(prefix=".writing-", suffix=suffix, dir=folder)
        self._raw = os.fdopen(handle, "wb")
        self._folder, self._path = folder, Path(name)
        self.suffix = suffix
        self.file = HashingFile(self._raw)

    def keep(self) -> Blob:
        """Sync, move the file to the name of its content, and return its blob."""
        self._raw.flush()
        os.fsync(self._raw.fileno())
        self._raw.close()
        blob = Blob(digest=self.file.digest(), suffix=self.suffix, size=self.file.size)
        target = place(self._folder, blob)
        target.parent.mkdir(exist_ok=True)
        self._path.replace(target)
        return blob

    def discard(self) -> None:
        """Leave nothing behind; harmless after `keep()`."""
        self._raw.close()
        self._path.unlink(missing_ok=True)
