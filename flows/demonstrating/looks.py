"""Runs of deployments that are waited for: a look at the live rows, the training that its verdict asks for."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from threading import Event

from flows.services import rest, trainings
from tasks.core.errors import Unavailable
from tasks.retraining import verdicts
from tasks.retraining.verdicts import Kept

LOOK_SECONDS = 180.0
TRAINING_SECONDS = 900.0
TICK_SECONDS = 0.5
OVER = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


def look(url: str, name: str, project: str, ended: Event) -> tuple[str, Kept]:
    """Have the live rows judged by the monitoring deployment of this name: its flow run's id, and its verdict."""
    run = trainings.begin(url, name, {}, flow="monitoring")
    finish(url, run, LOOK_SECONDS, ended)
    return run, verdicts.newest(project)[0]


def asked_for(url: str, request: str, ended: Event) -> str:
    """The id of the training run that the automation starts for the request, once it is there."""
    found: list[str] = []

    def there() -> bool:
        runs = rest.post(f"{url}/flow_runs/filter", {"sort": "START_TIME_DESC", "limit": 20})
        trigger = [(run["id"], (run["parameters"].get("trigger") or {}).get("request")) for run in runs]
        found[:] = [id_ for id_, of in trigger if of == request]
        return bool(found)

    _wait(there, LOOK_SECONDS, ended, f"No training was started for the request {request}")
    return found[0]


def finish(url: str, run: str, seconds: float, ended: Event) -> str:
    """Wait for the flow run's end: its state. Unavailable when it fails, or does not end in time."""
    said = ["", ""]

    def over() -> bool:
        said[:] = trainings.state(url, run)
        return said[0] in OVER

    _wait(over, seconds, ended, f"The flow run {run} does not end")
    if said[0] != "COMPLETED":
        raise Unavailable(f"The flow run {run} {said[0].lower()}", found=said[1].split("\n")[0][:300])
    return said[0]


def _wait(until: Callable[[], bool], seconds: float, ended: Event, else_: str) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(Unavailable):  # a server that is started again meanwhile
            if until():
                return
        if ended.wait(TICK_SECONDS):
            raise KeyboardInterrupt
    raise Unavailable(else_, expected=f"within {seconds:.0f} s")
