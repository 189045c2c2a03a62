"""What one window says: whether something broke, what drifted and by how much, how well it did, and how fast."""

from __future__ import annotations

from typing import Literal

from tasks.core.records import Record
from tasks.monitoring.estimation import Checked, Estimate
from tasks.monitoring.incident_records import Incident
from tasks.monitoring.judging import Drift, Report
from tasks.monitoring.performance import Performance as Labelled
from tasks.monitoring.service import Service

MOST_SCORES = 50
"""Columns whose scores are charted."""


class Broken(Record):
    """An incident: the likeliest cause in a sentence, and all that was found, with rows to look at."""

    cause: str
    evidence: tuple[Incident, ...]


class ColumnDrift(Record):
    """One column: it drifted where `score` reached `threshold`; `effect` is the size, and `words` tell it."""

    column: str
    score: float
    effect: float
    threshold: float = 1.0
    drift: bool
    words: str


class Joint(Record):
    """Whether columns moved against each other, and the pairs of columns that say so."""

    drift: bool
    pairs: tuple[Drift, ...]


class Performance(Record):
    """How right the answers were: by the outcomes so far, as estimated without any, and how far these agree."""

    labelled: Labelled
    estimated: Estimate | None = None
    checked: Checked | None = None


class WindowReport(Record):
    """The judgement of one window: a UTC day of the prediction log, or a file of rows.

    A window with an incident is not judged for drift. `alarms_promised` and `alarms_spent` count since the model
    serves; nothing is promised where the training rows have no dates.
    """

    window: str
    n_rows: int
    drift: bool
    columns: tuple[ColumnDrift, ...]
    joint: Joint | None
    incident: Broken | None
    performance: Performance | None
    service: Service | None
    alarms_promised: float | None
    alarms_spent: int
    promise: str
    state: Literal["healthy", "drift", "incident", "empty"]

    @property
    def worst(self) -> tuple[ColumnDrift, ...]:
        """The columns, those that drifted, the highest scores and the largest effects first.

        Without a promise nothing has a score, and only effects tell.
        """
        return tuple(sorted(self.columns, key=lambda each: (-each.drift, -each.score, -abs(each.effect))))


def empty(window: str, n_rows: int, promise: str = "") -> WindowReport:
    """The report on so many rows of which nothing is said yet."""
    return WindowReport(
        window=window,
        n_rows=n_rows,
        drift=False,
        columns=(),
        joint=None,
        incident=None,
        performance=None,
        service=None,
        alarms_promised=None,
        alarms_spent=0,
        promise=promise,
        state="empty",
    )


def drifted(report: WindowReport, found: Report) -> WindowReport:
    """The report with what was judged of its drift."""
    columns = tuple(
        ColumnDrift(
            column=each.columns[0],
            score=each.score,
            effect=each.findings[0].effect if each.findings else 0.0,
            drift=each.drift,
            words=each.words,
        )
        for each in found.columns
    )
    return report.model_copy(
        update={
            "drift": found.drift,
            "columns": columns,
            "joint": Joint(drift=any(pair.drift for pair in found.pairs), pairs=found.pairs),
            "alarms_promised": found.alarms_promised,
            "alarms_spent": found.alarms_spent,
            "state": "drift" if found.drift else "healthy",
        }
    )


def broken(report: WindowReport, incidents: tuple[Incident, ...]) -> WindowReport:
    """The report with what broke, if anything: the likeliest cause comes first."""
    if not incidents:
        return report
    return report.model_copy(
        update={"incident": Broken(cause=incidents[0].sentence, evidence=incidents), "state": "incident"}
    )


def figures(report: WindowReport) -> dict[str, float]:
    """What a chart over time shows of a window."""
    worst = max((each.score for each in report.columns), default=0.0)
    found = {"n_rows": float(report.n_rows), "drift": float(report.drift), "drift_score": worst}
    found["incident"] = float(report.incident is not None)
    found["alarms"] = float(report.alarms_spent)
    if report.performance:
        found |= {each.name: each.value for each in report.performance.labelled.best}
        if (guess := report.performance.estimated) is not None and guess.valid:
            found[f"estimated.{guess.metric}"] = guess.value
    if report.service and report.service.latency:
        found |= {"p50_ms": report.service.latency.p50, "p99_ms": report.service.latency.p99}
    return {f"monitoring.{name}": value for name, value in found.items()}


def scores(report: WindowReport) -> dict[str, float]:
    """The same of each column: its score, or 0 where nothing was promised."""
    return {f"score/{each.column}": each.score for each in report.worst[:MOST_SCORES]}
