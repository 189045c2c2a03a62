"""What servers and `keepfit status` are told of a window."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tasks.core import clock
from tasks.core.model_records import Champion
from tasks.core.newest_window import Figure, NewestWindow, WatchedColumn
from tasks.monitoring.told import summary
from tasks.monitoring.window_report import WindowReport

MOST_COLUMNS = 50
"""As many time series a project has at most in Prometheus."""


def newest(champion: Champion, reports: Sequence[WindowReport], until: datetime) -> NewestWindow:
    """The last of these reports, on a window that ends `until`, in short."""
    report = reports[-1]
    labelled = next((each for each in reversed(reports) if each.performance and each.performance.labelled.best), None)
    found = labelled.performance if labelled else None
    guess = report.performance.estimated if report.performance else None
    return NewestWindow(
        window=report.window,
        until=until,
        judged=clock.now(),
        version=champion.version,
        digest=champion.artifact.digest,
        n_rows=report.n_rows,
        state=report.state,
        summary=summary(report),
        incident=report.incident.cause if report.incident else None,
        n_drifted=sum(each.drift for each in report.columns),
        n_columns=len(report.columns),
        columns=tuple(
            WatchedColumn(column=each.column, score=each.score, drift=each.drift, words=each.words)
            for each in report.worst[:MOST_COLUMNS]
        ),
        performance=tuple(
            Figure(metric=each.name, value=each.value, low=each.low, high=each.high)
            for each in (found.labelled.best if found else ())
        ),
        performance_window=labelled.window if labelled else None,
        n_labelled=found.labelled.n_labelled if found else 0,
        estimated=Figure(metric=guess.metric, value=guess.value, low=guess.low, high=guess.high)
        if guess and guess.valid
        else None,
        alarms_promised=report.alarms_promised,
        alarms_spent=report.alarms_spent,
        promise=report.promise,
        data_age=report.service.data_age if report.service else None,
    )
