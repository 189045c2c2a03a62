"""What the commands print that watch a project and decide."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flows.printed.parts import Model, without
from flows.printed.projects import Train
from tasks.core.ledger import Entry
from tasks.core.newest_window import NewestWindow, WatchedColumn
from tasks.core.records import Record
from tasks.core.trials import Trial
from tasks.monitoring.window_report import WindowReport
from tasks.retraining.verdict import Verdict

SHORT = ("window", "version", "state", "summary", "incident", "alarms_spent", "alarms_promised", "judged", "verdict")
Short: Any = without(NewestWindow, *(NewestWindow.model_fields.keys() - set(SHORT)))


class Ledger(Record):
    """The newest decisions first."""

    project: str
    entries: tuple[Entry, ...]


class Moved(Entry):
    """The decision that was made; `notice` is what was put right before."""

    notice: str | None
    seconds: float


class Serving(Record):
    """The version that serves, and which one it `corrects`, if any."""

    version: str
    digest: str
    corrects: str | None
    since: datetime | None


class Challenger(Record):
    """The version that must prove itself; `words` say how far it is."""

    version: str
    digest: str
    waits: str | None
    trial: Trial | None
    words: str


class Told(Verdict):
    """The newest verdict."""

    at: datetime


class Watched(Short):
    """The newest judged window."""

    worst: WatchedColumn | None
    due: datetime
    report: str | None


class Status(Record):
    """What serves, and where everything is; before the first training there is only the home."""

    project: str
    champion: Serving | None
    challenger: Challenger | None = None
    notice: str | None = None
    verdict: Told | None
    decisions: tuple[Entry, ...]
    monitoring: Watched | None = None
    home: str
    report: str | None = None
    page: str | None = None
    mlflow: str = ""
    prefect: str | None = None


class RolledBack(Record):
    """A roll-back that the verdict asked for."""

    rollback: str


class DoneAlready(Record):
    """A training that another run did."""

    project: str
    accepted: bool
    reasons: tuple[str, ...]


class WatchedModel(Model):
    """The trained model that is watched, and the version of the correction that answers in its place, if one does."""

    corrected_by: str | None


class Monitored(WindowReport):
    """The newest window, all that were asked for, the verdict, and with --act what was done."""

    project: str
    model: WatchedModel
    report: str | None
    windows: tuple[WindowReport, ...]
    verdict: Verdict | None
    acted: Train | DoneAlready | RolledBack | None
    corrected: str | None
    """What became of the champion's correction; null where nothing did, or without --act."""
