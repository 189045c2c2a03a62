"""Processes found by a mark in their environment, which their children inherit wherever they go.

A process group is not enough: Prefect's worker gives each flow run a session of its own.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

MARK = "KEEPFIT_UP"
PROC = Path("/proc")


def mark(part: str, token: str) -> dict[str, str]:
    """The variable by which the processes of a part of this `keepfit up` are known."""
    return {MARK: f"{token}.{part}"}


def living(prefix: str) -> list[int]:
    """The processes whose mark begins so, but for this one; none where there is no /proc."""
    sought = f"{MARK}={prefix}".encode()
    found: list[int] = []
    for folder in PROC.glob("[0-9]*"):
        # What has gone meanwhile, or belongs to somebody else, cannot be read; a zombie's environment is empty.
        with suppress(OSError):
            if int(folder.name) != os.getpid() and any(
                variable.startswith(sought) for variable in (folder / "environ").read_bytes().split(b"\0")
            ):
                found.append(int(folder.name))
    return found


def end(prefix: str, seconds: float) -> list[int]:
    """Ask the processes to end, wait, and kill those that do not; returns those."""
    _signal(living(prefix), signal.SIGTERM)
    deadline = time.monotonic() + seconds
    while (left := living(prefix)) and time.monotonic() < deadline:
        time.sleep(0.05)
    _signal(left, signal.SIGKILL)
    return left


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
