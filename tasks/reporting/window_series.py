"""What windows said, one after the other: scores beside their limit, performance with intervals, the service."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from math import inf, nan

from markupsafe import Markup

from tasks.core.figures import estimate, figure, percent
from tasks.monitoring.window_report import WindowReport
from tasks.reporting.charts import Axis, Chart

FARTHEST = 4.0
"""Scores beyond are drawn at the edge: those that matter are about 1."""
LOW = 120
ALONE = (
    "svg{background:#fff}text{fill:#5a6675;font:11px sans-serif}.end{text-anchor:end}.middle{text-anchor:middle}"
    ".grid{stroke:#dde3ea}.tick,.axis{stroke:#5a6675;fill:none}.rule{stroke:#b3261e;stroke-dasharray:4 3}"
    ".line{fill:none;stroke-width:1.8}.line.one{stroke:#2563a8}.line.two{stroke:#c2570c}.line.three{stroke:#2f7d4f}"
    ".key{font-weight:600}text.one{fill:#2563a8}text.two{fill:#c2570c}text.three{fill:#2f7d4f}"
)
"""The style of a chart that stands in no page."""


def days(windows: Sequence[WindowReport]) -> list[float]:
    """Their places on an axis of days."""
    return [float(date.fromisoformat(each.window).toordinal()) for each in windows]


def scores(windows: Sequence[WindowReport], column: str) -> Markup | None:
    """The column's score in each window beside its limit; gaps where windows were not judged for drift."""
    found = [next((each for each in w.columns if each.column == column), None) for w in windows]
    if sum(each is not None for each in found) < 2:
        return None
    chart = Chart(f"{column}: score by window", _axis(windows), Axis("score", 0.0, FARTHEST), height=LOW)
    places = days(windows)
    chart.rule((chart.x.low, chart.x.high), (1.0, 1.0))
    chart.line(places, [min(each.score, FARTHEST) if each else nan for each in found], "one")
    drifted = [(at, w, each) for at, w, each in zip(places, windows, found, strict=True) if each and each.drift]
    names = [f"{w.window}: {figure(each.score)}, {each.words}" for _, w, each in drifted]
    chart.points(
        [at for at, _, _ in drifted], [min(each.score, FARTHEST) for _, _, each in drifted], "alarm", names=names
    )
    return chart.svg()


def picture(windows: Sequence[WindowReport]) -> str | None:
    """The scores of the newest window's worst columns over time, as an SVG file of its own."""
    worst = [each.column for each in windows[-1].worst[:3]]
    if len(windows) < 2 or not worst or windows[-1].alarms_promised is None:
        return None
    chart = Chart("Scores by window", _axis(windows), Axis("score", 0.0, FARTHEST))
    chart.rule((chart.x.low, chart.x.high), (1.0, 1.0))
    for column, css in reversed([*zip(worst, ("two", "one", "three"), strict=False)]):
        found = [next((each.score for each in w.columns if each.column == column), nan) for w in windows]
        short = column if len(column) <= 16 else f"{column[:15]}…"
        chart.line(days(windows), [min(each, FARTHEST) for each in found], css, short)
    return (
        str(chart.svg())
        .replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" width="720" ', 1)
        .replace(">", f"><style>{ALONE}</style>", 1)
    )


def performance(windows: Sequence[WindowReport]) -> Markup | None:
    """The deciding metric of each window by its outcomes and as estimated, with intervals; of none with an incident."""
    told = [(at, each) for at, each in zip(days(windows), windows, strict=True) if each.performance]
    # What broken rows were answered is no measure of the model, and would squeeze all other days into a line.
    chosen = [(at, each) for at, each in told if each.incident is None]
    known = [(at, w, m) for at, w in chosen if w.performance for m in w.performance.labelled.best[:1]]
    guessed = [(at, w, w.performance.estimated) for at, w in chosen if w.performance and w.performance.estimated]
    metric = next((m.name for _, _, m in known), next((m.metric for _, _, m in guessed), None))
    if metric is None:
        return None
    sure = [(at, w, m) for at, w, m in guessed if m.valid]
    bounds = [[m.low, m.high] for _, _, m in known] + [[m.low, m.high] for _, _, m in (sure or guessed)]
    chart = Chart(f"{metric} by window", _axis(windows), Axis.around(metric, *bounds))
    for at, w, m in guessed:
        said = f"{w.window}, estimated: {estimate(m.value, m.low, m.high)}{'' if m.valid else ' (not valid)'}"
        chart.whisker(at + 0.25, m.value, m.low, m.high, "two" if m.valid else "unsure", said)
    for at, w, m in known:
        chart.whisker(at, m.value, m.low, m.high, "one", f"{w.window}: {estimate(m.value, m.low, m.high)}")
    chart.key("one", "by outcomes")
    chart.key("two", "estimated")
    if len(sure) < len(guessed):
        chart.key("unsure", "not valid")
    return chart.svg()


def rows(windows: Sequence[WindowReport]) -> Markup:
    """How many rows each window had."""
    places = days(windows)
    top = max([each.n_rows for each in windows] + [1]) * 1.05
    chart = Chart("Rows by window", _axis(windows), Axis("rows", 0.0, top))
    for at, each in zip(places, windows, strict=True):
        css = "alarm" if each.incident else "one"
        chart.columns([at - 0.45, at + 0.45], [each.n_rows], css, [f"{each.window}: {each.n_rows:,}, {each.state}"])
    return chart.svg()


def latency(windows: Sequence[WindowReport]) -> Markup | None:
    """Milliseconds that half and 99 of a hundred rows took at most in each window."""
    found = [each.service.latency if each.service else None for each in windows]
    if not any(found):
        return None
    highest = [each.p99 for each in found if each]
    chart = Chart("Latency by window", _axis(windows), Axis.around("ms", highest, zero=True))
    chart.line(days(windows), [each.p99 if each else nan for each in found], "two", "99 %")
    chart.line(days(windows), [each.p50 if each else nan for each in found], "one", "half")
    return chart.svg()


def failures(windows: Sequence[WindowReport]) -> Markup | None:
    """The shares of requests that failed or were refused in each window."""
    found = [each.service for each in windows]
    if not any(each and (each.error_rate or each.refusal_rate) for each in found):
        return None
    shares = [[each.error_rate, each.refusal_rate] for each in found if each]
    axis = Axis.around("share of requests", *shares, zero=True)
    axis.form = percent
    chart = Chart("Refused and failed by window", _axis(windows), axis)
    chart.line(days(windows), [each.refusal_rate if each else nan for each in found], "one", "refused")
    chart.line(days(windows), [each.error_rate if each else nan for each in found], "alarm", "failed")
    return chart.svg()


def _axis(windows: Sequence[WindowReport]) -> Axis:
    places = days(windows)
    return Axis("", min(places, default=inf) - 0.6, max(places, default=-inf) + 0.6, form=_day, whole=True)


def _day(ordinal: float) -> str:
    found = date.fromordinal(round(ordinal))
    return f"{found.day} {found:%b}"
