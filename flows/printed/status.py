"""What is printed of how a project is."""

from __future__ import annotations

from datetime import datetime

from flows.printed.ageing import ShownAgeing
from flows.printed.parts import Moment
from tasks.core.ledger import Entry
from tasks.core.newest_window import WatchedColumn
from tasks.core.records import Record
from tasks.core.trials import Trial
from tasks.retraining.verdict import Verdict


class Serving(Record):
    """The version that serves, and which one it `corrects`, if any."""

    version: str
    digest: str
    corrects: str | None
    since: Moment | None


class Challenger(Record):
    """The version that must prove itself; `words` say how far it is."""

    version: str
    digest: str
    waits: str | None
    trial: Trial | None
    words: str


class Told(Verdict):
    """The newest verdict."""

    at: Moment


class Asked(Record):
    """The training that was asked for and is not done; `words` say how far it is. `sent`: Prefect has its event."""

    request: str
    at: Moment
    sent: Moment | None
    flow_run: str | None
    attempts: int
    words: str


class Watched(Record):
    """The newest judged window in short, its worst column, and when the next one is due."""

    window: str
    judged: datetime
    version: str
    state: str
    summary: str
    incident: str | None
    alarms_promised: float | None
    alarms_spent: int
    verdict: str | None
    worst: WatchedColumn | None
    due: Moment
    report: str | None


class Status(Record):
    """What serves, and where everything is; before the first training there is only the home."""

    project: str
    champion: Serving | None
    challenger: Challenger | None = None
    notice: str | None = None
    verdict: Told | None
    asked: Asked | None = None
    decisions: tuple[Entry, ...]
    ageing: ShownAgeing | None = None
    """The champion's."""
    monitoring: Watched | None = None
    home: str
    report: str | None = None
    page: str | None = None
    mlflow: str = ""
    prefect: str | None = None
