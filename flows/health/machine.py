"""The machine: versions, room, permissions, the clock, ports."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from flows.health.finding import Finding, failed, ok, warning

GB = 1_000_000_000
FEW, ENOUGH = 1 * GB, 5 * GB
"""A run on a small table writes 50 MB; a full disk stops the prediction log, and with it the answers."""
SKEW_SECONDS = 2.0
PORTS = {"the model API": 8000, "MLflow": 5000}


def versions() -> Iterator[Finding]:
    """Python, and each package against what keepfit was built for."""
    from packaging.requirements import Requirement

    python = ".".join(map(str, sys.version_info[:3]))
    fits = (3, 11) <= sys.version_info[:2] < (3, 14)
    yield ok("python", python) if fits else failed("python", python, "Install Python 3.11, 3.12 or 3.13")
    off: list[str] = []
    n_right = 0
    for line in requires("keepfit") or []:
        needed = Requirement(line)
        if needed.marker and not needed.marker.evaluate({"extra": ""}):
            continue
        try:
            found = version(needed.name)
        except PackageNotFoundError:
            off.append(f"{needed.name} is not installed (needs {needed.specifier or 'any'})")
            continue
        if needed.specifier.contains(found, prereleases=True):
            n_right += 1
        else:
            off.append(f"{needed.name} {found} (needs {needed.specifier})")
    if off:
        yield failed("packages", "; ".join(off), "Install the locked versions: `make setup`, or requirements.lock")
    else:
        yield ok("packages", f"{n_right} fit keepfit {version('keepfit')}")


def home(folder: Path) -> Iterator[Finding]:
    """Whether the home can be written, has room, and keeps locks."""
    place = next(each for each in (folder, *folder.parents) if each.exists())
    if not os.access(place, os.W_OK | os.X_OK):
        yield failed("home", f"{place} may not be written", "Change its permissions, or set KEEPFIT_HOME elsewhere")
        return
    foreign = [each for each in _parts(folder) if not os.access(each, os.W_OK)]
    if foreign:
        shown = ", ".join(map(str, foreign[:3]))
        yield failed("home", f"{shown} may not be written", f"Give them back to you: chown -R {_me()} '{folder}'")
    else:
        yield ok("home", f"{folder}{'' if folder.exists() else ' (made by the first run)'}")
    free = shutil.disk_usage(place).free
    room = f"{free / GB:.1f} GB free"
    if free < FEW:
        yield failed("disk", room, "Make room: with a full disk the model API stops answering")
    else:
        yield ok("disk", room) if free > ENOUGH else warning("disk", room, "Make room soon")
    inodes = os.statvfs(place)
    if inodes.f_files and inodes.f_favail < 10_000:
        yield failed("disk", f"{inodes.f_favail} files may still be made", "Remove small files on that disk")


def clock(folder: Path) -> Iterator[Finding]:
    """Whether the disk's clock is this machine's, and which zone days are told in."""
    place = next(each for each in (folder, *folder.parents) if each.exists())
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"now")
            file.flush()
            skew = os.fstat(file.fileno()).st_mtime - time.time()
    except OSError as exc:
        yield failed("clock", f"no file can be written in {place}: {exc}", "See `home` and `disk`")
        return
    if abs(skew) > SKEW_SECONDS:
        yield warning("clock", f"the disk's is {skew:+.1f} s off", "Set both clocks by one time server (NTP)")
    else:
        yield ok("clock", f"the disk's agrees within {max(abs(skew), 0.01):.2f} s")
    if time.time() < Path(__file__).stat().st_mtime - 86_400:
        yield failed("clock", f"it is {time.ctime()}, before keepfit was installed", "Set the clock")
    offset = time.strftime("%z")
    zone = f"{time.strftime('%Z')} ({offset})"
    if offset != "+0000":
        yield ok("time zone", f"{zone}; windows and the ledger are in UTC, schedules in the zone they name")
    else:
        yield ok("time zone", zone)


def ports(used: dict[str, str]) -> Iterator[Finding]:
    """Who has the ports that `keepfit up` looks for first; `used` are its own, if it runs."""
    for part, port in PORTS.items():
        if any(address.rstrip("/").endswith(f":{port}") for address in used.values()):
            yield ok("ports", f"{port} is used by `keepfit up`")
            continue
        with socket.socket() as probe:
            taken = probe.connect_ex(("127.0.0.1", port)) == 0
        if taken:
            yield warning("ports", f"{port} is taken by another program", f"`keepfit up` takes the next for {part}")
        else:
            yield ok("ports", f"{port} is free for {part}")


def _parts(folder: Path) -> list[Path]:
    return [folder, *folder.iterdir(), *folder.glob("*.db*")] if folder.is_dir() else []


def _me() -> str:
    return str(os.getuid())
