"""The `keepfit up` of a home as others see it: what it writes of itself, and how a command finds and ends it."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from flows.printed import in_json
from flows.printed.parts import Moment
from flows.services import locks, parts
from tasks.core import store
from tasks.core.records import Record

if TYPE_CHECKING:
    from flows.services.up import Up

ENDING_SECONDS = 60.0


class Addresses(Record):
    """Where everything answers."""

    prefect: str
    prefect_api: str
    mlflow: str
    page: str
    predict: dict[str, str]


class Nowhere(Record):
    """No addresses yet."""


class PartState(Record):
    """A process of `keepfit up`."""

    state: str
    pid: int | None
    restarts: int
    reason: str | None
    log: str


class Standing(Record):
    """What a `keepfit up` says of itself; before it has said anything there is only its home.

    With --json it is printed when all of it answers; then it goes on. `already` is said where it was up before.
    """

    pid: int | None
    since: Moment | None
    home: str
    projects: tuple[str, ...]
    untrained: dict[str, str]
    addresses: Addresses | Nowhere
    parts: dict[str, PartState]
    already: bool = False


def state(up: Up) -> Standing:
    """How it is now."""
    shown = {
        part.name: PartState(
            state=part.state,
            pid=part.pid,
            restarts=part.restarts,
            reason=part.reason or None,
            log=str(part.log),
        )
        for part in up.parts.values()
    }
    return Standing(
        pid=os.getpid(),
        since=up.since.replace(microsecond=0),
        home=str(up.home),
        projects=tuple(each.name for each in up.chosen),
        untrained=up.untrained,
        addresses=addresses(up),
        parts=shown,
    )


def write(up: Up) -> None:
    """Let a second `keepfit up`, `down` and `status` know."""
    store.write_file(up.home / "up" / "up.json", in_json(state(up)).encode())


def found(home: Path) -> Standing | None:
    """What the running `keepfit up` of the home says of itself; None when none runs."""
    if not locks.is_held(home / "up" / "up.lock"):
        return None
    with suppress(OSError, ValueError):
        # One of a later version may say more, and is to be found and ended all the same.
        return Standing.model_validate_json((home / "up" / "up.json").read_bytes(), extra="ignore")
    nothing = Nowhere()
    return Standing(pid=None, since=None, home=str(home), projects=(), untrained={}, addresses=nothing, parts={})


def addresses_of(home: Path) -> Addresses | None:
    """Where the running `keepfit up` of the home answers; None where none runs, or does not answer yet."""
    running = found(home)
    return running.addresses if running and isinstance(running.addresses, Addresses) else None


def end(home: Path) -> bool:
    """End the running one and wait until it is gone; False when none ran."""
    lock, deadline = home / "up" / "up.lock", time.monotonic() + ENDING_SECONDS
    if not locks.is_held(lock):
        return False
    asked = None
    while locks.is_held(lock):
        running, patient = found(home), time.monotonic() < deadline
        pid = running and running.pid
        if pid and (pid != asked or not patient):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM if patient else signal.SIGKILL)
            asked = pid
        time.sleep(0.1)
    return True


def addresses(up: Up) -> Addresses:
    """Where a person and a program find everything."""
    elsewhere = os.environ.get("MLFLOW_TRACKING_URI")
    api = up.ports.url("api")
    return Addresses(
        prefect=up.url.removesuffix("/api"),
        prefect_api=up.url,
        mlflow=elsewhere if elsewhere and parts.is_elsewhere(elsewhere) else up.ports.url("mlflow"),
        page=f"{api}/",
        predict={each.name: f"{api}/v1/{each.name}/predict" for each in up.chosen},
    )
