"""The bytes of images and sounds that were answered, each once, under the SHA-256 of its bytes.

Rows hold the digest. A file that is sent again is touched, so that retention, which removes old files that no row
names, leaves it alone while its row is still on the way.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from tasks.core.errors import DataError, NotLogged
from tasks.core.predictions.layout import locked, private, sync_folder


def path_of(folder: Path, digest: str) -> Path:
    """Where the bytes of this digest lie in a project's folder."""
    return folder / "media" / digest[:2] / digest


def lock_of(folder: Path) -> Path:
    """Who holds it alone may remove a file; who shares it may count on a file that is there."""
    return folder / ".media"


def keep(folder: Path, data: bytes, sync: bool = False) -> str:
    """The digest of the bytes, which are in a project's folder then; NotLogged when they cannot be.

    With `sync` they outlast a loss of power, too.
    """
    digest = sha256(data).hexdigest()
    path = path_of(folder, digest)
    try:
        private(path.parent)
        with locked(lock_of(folder), shared=True):
            try:
                os.utime(path)
            except FileNotFoundError:
                _write(path, data, sync)
    except OSError as exc:
        raise NotLogged(f"An image or a sound could not be kept in {path.parent}", exc) from exc
    return digest


def load(folder: Path, digest: str) -> bytes:
    """The bytes of this digest; DataError when they are gone or damaged."""
    path = path_of(folder, digest)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        data = None
    if data is None or sha256(data).hexdigest() != digest:
        raise DataError(
            f"The bytes of {digest[:12]} cannot be read",
            expected=f"a file {path}",
            found="none" if data is None else f"{len(data)} other bytes",
            action="Rows within the time of retention have theirs; restore it from a backup",
        )
    return data


def _write(path: Path, data: bytes, sync: bool) -> None:
    new = path.with_name(f".new-{secrets.token_hex(8)}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(descriptor, left) :]
        if sync:
            os.fsync(descriptor)
        new.rename(path)
        if sync:
            for folder in (path.parent, path.parent.parent):  # its own may be new
                sync_folder(folder)
    except BaseException:
        with suppress(FileNotFoundError):
            new.unlink()
        raise
    finally:
        os.close(descriptor)
