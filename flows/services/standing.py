"""The `keepfit up` of a home as others see it: what it writes of itself, and how a command finds and ends it."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.services import locks, parts
from tasks.core import store

if TYPE_CHECKING:
    from flows.services.up import Up

ENDING_SECONDS = 60.0


def state(up: Up) -> dict[str, Any]:
    """All of it as one JSON object."""
    shown = {
        part.name: {
            "state": part.state,
            "pid": part.pid,
            "restarts": part.restarts,
            "reason": part.reason or None,
            "log": str(part.log),
        }
        for part in up.parts.values()
    }
    return {
        "pid": os.getpid(),
        "since": up.since.isoformat(timespec="seconds"),
        "home": str(up.home),
        "projects": [each.name for each in up.chosen],
        "untrained": up.untrained,
        "addresses": _addresses(up),
        "parts": shown,
    }


def write(up: Up) -> None:
    """Let a second `keepfit up`, `down` and `status` know."""
    store.write_file(up.home / "up" / "up.json", json.dumps(state(up)).encode())


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


def _addresses(up: Up) -> dict[str, Any]:
    """Where a person and a program find everything."""
    elsewhere = os.environ.get("MLFLOW_TRACKING_URI")
    api = up.ports.url("api")
    return {
        "prefect": up.url.removesuffix("/api"),
        "prefect_api": up.url,
        "mlflow": elsewhere if parts.is_elsewhere(elsewhere) else up.ports.url("mlflow"),
        "page": f"{api}/",
        "predict": {each.name: f"{api}/v1/{each.name}/predict" for each in up.chosen},
    }
