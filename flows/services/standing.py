"""The `keepfit up` that runs in a home, as other commands see it."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from flows.services import locks

ENDING_SECONDS = 60.0


def found(home: Path) -> dict[str, Any] | None:
    """What the running `keepfit up` of the home says of itself; None when none runs."""
    if not locks.is_held(home / "up" / "up.lock"):
        return None
    with suppress(OSError, ValueError):
        return json.loads((home / "up" / "up.json").read_text())
    return {"pid": None, "projects": [], "addresses": {}, "parts": {}}


def end(home: Path) -> bool:
    """End the running one and wait until it is gone; False when none ran."""
    lock, deadline = home / "up" / "up.lock", time.monotonic() + ENDING_SECONDS
    if not locks.is_held(lock):
        return False
    asked = None
    while locks.is_held(lock):
        pid, patient = (found(home) or {}).get("pid"), time.monotonic() < deadline
        if pid and (pid != asked or not patient):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM if patient else signal.SIGKILL)
            asked = pid
        time.sleep(0.1)
    return True
