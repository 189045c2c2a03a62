"""What the commands print that start, end and examine what keepfit runs on."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from flows.health.finding import Finding
from flows.printed.parts import Moment
from tasks.core.records import Record


class ScheduledFlow(Record):
    """A deployment of the project; without a schedule it runs on demand."""

    name: str
    cron: str | None
    timezone: str
    next: Moment | None


class Schedule(Record):
    """What is, or would be, changed in prefect.yaml, and when each flow is next."""

    project: str
    file: str
    diff: tuple[str, ...]
    written: bool
    deployments: tuple[ScheduledFlow, ...]


class Addresses(Record):
    """Where everything answers."""

    prefect: str
    prefect_api: str
    mlflow: str
    page: str
    predict: dict[str, str]


class Part(Record):
    """A process of `keepfit up`."""

    state: str
    pid: int | None
    restarts: int
    reason: str | None
    log: str


class Up(Record):
    """Printed when all of it answers; then it goes on. `already` where it was up; `addresses` are empty until it is."""

    pid: int
    since: datetime
    home: str
    projects: tuple[str, ...]
    untrained: dict[str, str]
    addresses: Addresses | dict[str, str]
    parts: dict[str, Part]
    already: bool = False


class Down(Record):
    """Whether something was ended, and whether `keepfit up` was."""

    ended: bool
    up: bool


class Doctor(Record):
    """All findings."""

    healthy: bool
    home: str
    findings: tuple[Finding, ...]


class Completion(Record):
    """The script."""

    shell: Literal["bash", "zsh", "fish"]
    script: str


class Error(Record):
    """Why a command failed, and its exit code."""

    error: str
    exit_code: int
