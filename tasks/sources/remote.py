"""Files at an address (`s3://bucket/sales/*.parquet`, `https://…/sales.csv`), by fsspec.

Each is fetched to this machine once, whole, and read there: types are proven over all rows before the first is taken,
and a connection that breaks off then costs one file, not the reading.
"""

from __future__ import annotations

import hashlib
import random
import shutil
import time
from pathlib import Path, PurePosixPath
from typing import Any

from tasks.core import secrets
from tasks.core.errors import DataError, KeepfitError, Unavailable
from tasks.sources.files import COMPRESSED, File, no_file

ATTEMPTS = 4
_VERSIONS = ("ETag", "etag", "md5Hash", "LastModified", "last_modified", "mtime", "modified", "created")
"""Where file systems of fsspec say when or as what a file was written."""
_MISSING = {"s3": "pip install 'keepfit[s3]'", "s3a": "pip install 'keepfit[s3]'", "http": "pip install aiohttp"}


def listed(place: str, endings: tuple[str, ...], folder: Path) -> list[File]:
    """The files at an address, a folder or a pattern, by name; they are fetched into `folder` when they are read."""
    system, root = _system(place)
    try:
        system.invalidate_cache()
        found = _found(system, root, endings)
    except Exception as exc:
        raise _failure(place, exc) from exc
    if not found:
        raise no_file(place, endings)
    return [_file(system, place, root, path, found[path], folder) for path in sorted(found)]


def _system(place: str) -> tuple[Any, str]:
    import fsspec

    scheme = place.split("://")[0].split("::")[-1]
    try:
        return fsspec.url_to_fs(secrets.resolved(place))  # pyright: ignore[reportReturnType]
    except ImportError as exc:
        install = _MISSING.get(scheme.removesuffix("s") if scheme == "https" else scheme, str(exc))
        raise Unavailable(f"{scheme}:// cannot be read without another package", action=install) from exc
    except ValueError as exc:
        raise DataError(f"The address {place}", expected="one that fsspec knows", found=_masked(exc, place)) from exc


def _found(system: Any, root: str, endings: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    if "*" in root:
        below = system.glob(root, detail=True)
        return {path: info for path, info in below.items() if info["type"] == "file" and not _hidden(path, "")}
    info = system.info(root)
    if info["type"] == "file":
        return {root: info}
    wanted = tuple(ending + more for ending in endings for more in COMPRESSED)
    below = system.find(root, detail=True)
    return {path: one for path, one in below.items() if path.lower().endswith(wanted) and not _hidden(path, root)}


def _hidden(path: str, root: str) -> bool:
    parts = PurePosixPath(path.removeprefix(root)).parts if root else (PurePosixPath(path).name,)
    return any(part.startswith((".", "_")) for part in parts)


def _file(system: Any, place: str, root: str, path: str, info: dict[str, Any], folder: Path) -> File:
    key = _masked(system.unstrip_protocol(path), place)
    size = info.get("size")
    version = next((str(info[name]) for name in _VERSIONS if info.get(name)), "")
    base = root.split("*")[0].rpartition("/")[0] if "*" in root else root
    name = path.removeprefix(base).strip("/") or path.rsplit("/", 1)[-1]
    local = folder / hashlib.sha256(f"{key} {size} {version}".encode()).hexdigest()[:32]
    if not version:
        local.unlink(missing_ok=True)  # it may be another one by now
    return File(
        name=_masked(name.split("?")[0], place),
        key=key,
        size=size,
        version=version,
        path=local,
        fetch=lambda: local.exists() or _fetch(system, place, path, size, local),
    )


def _fetch(system: Any, place: str, path: str, size: int | None, local: Path) -> None:
    """Copy the file to this machine, whole or not at all; tried again while it is the world that is away."""
    part = local.with_suffix(".part")
    for attempt in range(ATTEMPTS):
        try:
            with system.open(path, "rb") as source, part.open("wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
            break
        except Exception as exc:
            failure = _failure(place, exc)
            if attempt + 1 == ATTEMPTS or not isinstance(failure, Unavailable):
                raise failure from exc
            time.sleep(random.uniform(0.1, 0.5) * 2**attempt)
    if size is not None and part.stat().st_size != size:
        found = f"{part.stat().st_size:,}"
        raise Unavailable(f"{_masked(path, place)} came incomplete", expected=f"{size:,} bytes", found=found)
    part.replace(local)


def _failure(place: str, exc: Exception) -> KeepfitError:
    """The failure in keepfit's words; what it is not known to be is taken for the world being away."""
    if isinstance(exc, KeepfitError):
        return exc
    found = _masked(exc, place) or type(exc).__name__
    if isinstance(exc, FileNotFoundError):
        return DataError(f"There is nothing at {place}", action="Check `path` in the source")
    if isinstance(exc, PermissionError) or "Credentials" in type(exc).__name__:
        return DataError(f"{place} may not be read", found=found, action="Check the keys, and what they are good for")
    return Unavailable(f"{place} cannot be read", found=found, action="Check the address and the network")


def _masked(message: object, place: str) -> str:
    return secrets.masked(str(message), place)
