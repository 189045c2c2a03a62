"""The newest judged window for Prometheus: a bounded number of series a project, of the model that serves alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from tasks.core import clock, newest_window
from tasks.serving.site import Site

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

STATES = ("healthy", "drift", "incident", "empty")
DAY = 86_400


def families(site: Site) -> Iterator[Metric]:
    """What the newest window of each project says; nothing of a project whose model was not watched yet."""
    from prometheus_client.core import GaugeMetricFamily

    def gauge(name: str, what: str, *labels: str) -> GaugeMetricFamily:
        return GaugeMetricFamily(f"keepfit_{name}", what, labels=["project", *labels])

    score = gauge("drift_score", "Of a column in the newest window; 1 is the limit", "column")
    drifted = gauge("drift_columns", "Columns that drifted in the newest window")
    state = gauge("window_state", "1: what the newest window is", "state")
    rows = gauge("window_rows", "Rows of the newest window")
    until = gauge("window_end_seconds", "When the newest judged window ended")
    alarms = gauge("drift_alarms", "Episodes of drift since the model serves")
    known = gauge("performance", "By the outcomes of the newest window that has enough", "metric")
    guessed = gauge("performance_estimated", "Without outcomes, where it can be known", "metric")
    model_age = gauge("model_age_seconds", "How long the model has served")
    data_age = gauge("data_age_seconds", "How old its newest training row is")
    now = clock.now().timestamp()
    for name, service in site.services.items():
        if service.lineup.since:
            model_age.add_metric([name], now - datetime.fromisoformat(service.lineup.since).timestamp())
        window = newest_window.known(service.home, name)
        if window is None or not window.is_of(service.champion.model.watched):
            continue
        for column in window.columns:
            score.add_metric([name, column.column], column.score)
        for each in STATES:
            state.add_metric([name, each], int(window.state == each))
        for family, value in ((drifted, window.n_drifted), (rows, window.n_rows), (alarms, window.alarms_spent)):
            family.add_metric([name], value)
        until.add_metric([name], window.until.timestamp())
        for figure in window.performance:
            known.add_metric([name, figure.metric], figure.value)
        if window.estimated is not None:
            guessed.add_metric([name, window.estimated.metric], window.estimated.value)
        if window.data_age is not None:
            data_age.add_metric([name], window.data_age * DAY + now - window.until.timestamp())
    yield from (score, drifted, state, rows, until, alarms, known, guessed, model_age, data_age)
