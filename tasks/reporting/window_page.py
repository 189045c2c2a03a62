"""The report on one window of live rows as one HTML page: what broke or drifted first, then what it rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from markupsafe import Markup

from tasks.core.metrics import measure
from tasks.monitoring.daily import Daily
from tasks.monitoring.moved import Moved
from tasks.monitoring.reference import Reference
from tasks.monitoring.window_report import ColumnDrift, WindowReport
from tasks.reporting import window_series
from tasks.reporting.distributions import Distribution, distribution
from tasks.reporting.templates import template

MOST_DRAWN = 60
"""Columns with charts; the table has the others, and the page stays under 2 MB."""
MOST_LISTED = 1_000
MOST_PAIRS = 30
SHOWN_WINDOWS = 30


class Said(Protocol):
    """A verdict, which belongs to a layer beside this one."""

    @property
    def action(self) -> str: ...
    @property
    def sentence(self) -> str: ...
    @property
    def until(self) -> datetime | None: ...
    @property
    def evidence(self) -> Sequence[str]: ...


@dataclass(frozen=True)
class Looked:
    """A window with all that its page shows: its statistics (none where something broke), the reports on windows up to
    it (the oldest first, itself the last), rows named by incidents, and what told its rows from the reference's."""

    project: str
    version: str
    report: WindowReport
    reference: Reference
    daily: Daily | None
    history: Sequence[WindowReport]
    evidence: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    moved: Moved | None = None
    verdict: Said | None = None
    """What is to be done now, as `decide` says it."""
    pages: frozenset[str] = frozenset()
    """Windows that have a page beside this one."""
    stamp: str = ""


@dataclass(frozen=True)
class Drawn:
    """A column: what is said of it, both distributions, and its score in the windows so far."""

    said: ColumnDrift
    both: Distribution | None
    scores: Markup | None


def render(looked: Looked) -> str:
    """The page. All text of the data is escaped, and no list is longer than a person reads."""
    report, history = looked.report, looked.history
    worst, scored = report.worst, any(each.alarms_promised is not None for each in history)
    metric = report.performance.labelled.best[:1] if report.performance else ()
    return template("window.html").render(
        looked=looked,
        report=report,
        verdict=looked.verdict,
        scored=scored,
        columns=[_drawn(looked, each, scored) for each in worst[:MOST_DRAWN]],
        listed=worst[:MOST_LISTED],
        n_drifted=sum(each.drift for each in worst),
        pairs=report.joint.pairs[:MOST_PAIRS] if report.joint else (),
        n_pairs_drifted=sum(each.drift for each in report.joint.pairs) if report.joint else 0,
        metric=metric[0] if metric else None,
        measure=measure,
        evidence=_evidence(looked),
        windows=list(reversed(history))[:SHOWN_WINDOWS],
        n_windows=len(history),
        charts=_charts(history),
        performance=window_series.performance(history) if len(history) > 1 else None,
    )


def _drawn(looked: Looked, said: ColumnDrift, scored: bool) -> Drawn:
    names = looked.reference.cells.names
    both = None
    if looked.daily is not None and said.column in names:
        both = distribution(looked.reference.cells, looked.reference.total, looked.daily, names.index(said.column))
    return Drawn(said, both, window_series.scores(looked.history, said.column) if scored else None)


def _charts(history: Sequence[WindowReport]) -> list[tuple[Markup, str, str]]:
    """Of the service, each with its title and a sentence; none of a single window, such as a file."""
    if len(history) < 2:
        return []
    found = [
        (
            window_series.rows(history),
            "Rows",
            "Of each window; hover for the figures. Windows with an incident stand out.",
        ),
        (window_series.latency(history), "Latency", "Milliseconds that half and 99 of a hundred rows took at most."),
        (window_series.failures(history), "Refused and failed", "The share of requests."),
    ]
    return [(svg, title, told) for svg, title, told in found if svg is not None]


def _evidence(looked: Looked) -> list[tuple[Any, list[str], list[list[str]]]]:
    """Each incident with the values of a few of its rows: its own columns first."""
    found: list[tuple[Any, list[str], list[list[str]]]] = []
    for each in looked.report.incident.evidence if looked.report.incident else ():
        rows = [(name, looked.evidence[name]) for name in each.rows if name in looked.evidence][:5]
        others = [name for name in (rows[0][1] if rows else ()) if name not in each.columns]
        names = [*(name for name in each.columns if not rows or name in rows[0][1]), *others][:8]
        found.append((each, names, [[name, *(_said(row[column]) for column in names)] for name, row in rows]))
    return found


def _said(value: Any) -> str:
    text = "" if value is None else f"{len(value):,} bytes" if isinstance(value, bytes) else str(value)
    return text if len(text) <= 80 else text[:79] + "…"
