"""What watching a project prints, and what was done by its verdict."""

from __future__ import annotations

from flows.printed.ageing import ShownAgeing
from flows.printed.parts import Model
from flows.printed.training import DoneAlready, Train
from tasks.core.records import Record
from tasks.monitoring.window_report import WindowReport
from tasks.retraining.verdict import Verdict


class RolledBack(Record):
    """A roll-back that the verdict asked for."""

    rollback: str


class WatchedModel(Model):
    """The trained model that is watched, and the version of the correction that answers in its place, if one does."""

    corrected_by: str | None


class Monitored(WindowReport):
    """The newest window, all that were asked for, the verdict, and with --act what was done."""

    project: str
    model: WatchedModel
    report: str | None
    windows: tuple[WindowReport, ...]
    ageing: ShownAgeing | None
    verdict: Verdict | None
    acted: Train | DoneAlready | RolledBack | None
    corrected: str | None
    """What became of the champion's correction; null where nothing did, or without --act."""
