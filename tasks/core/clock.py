"""What time it is: the machine's time, or what a demonstration plays in which days pass at once.

`KEEPFIT_CLOCK` names a file with the seconds that are added, less than none for the past. Every process that was given
it looks into the file each time. It dates answers, outcomes, decisions and verdicts; runs, files and waiting go by real
time.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tasks.core import store
from tasks.core.errors import KeepfitError

FILE = "KEEPFIT_CLOCK"
_file = os.environ.get(FILE)  # looked up once: each answer is dated


def now() -> datetime:
    """The moment, in UTC."""
    return datetime.now(UTC) + timedelta(seconds=_ahead())


def now_us() -> int:
    """The moment in microseconds since 1970."""
    return time.time_ns() // 1000 + round(_ahead() * 1_000_000)


def play(file: Path) -> None:
    """Have this process, and those that it starts, look at the file."""
    global _file
    os.environ[FILE] = _file = str(file)


def set_to(moment: datetime) -> None:
    """Let it be that moment, from which on time passes, for all who look at the file."""
    if _file is None:
        raise KeepfitError("No clock is played", action="Call `clock.play(file)` first")
    store.write_file(Path(_file), f"{(moment - datetime.now(UTC)).total_seconds()}".encode())


def _ahead() -> float:
    if _file is None:
        return 0.0
    try:
        return float(Path(_file).read_bytes())
    except FileNotFoundError:
        return 0.0  # nobody has set it yet
