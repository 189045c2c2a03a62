"""What the commands print that start, end and examine what keepfit runs on."""

from __future__ import annotations

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
