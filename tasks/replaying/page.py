"""A replay as one HTML page that asks nothing of the network: the table, score over time, loss against age."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tasks.core.figures import figure
from tasks.core.metrics import measure
from tasks.replaying.records import Replay
from tasks.replaying.told import HEAD, ageing, left_out
from tasks.replaying.walk import Outcome
from tasks.reporting.ageing import by_age
from tasks.reporting.charts import Axis, Chart

SHOWN = ("keepfit", "keepfit_corrected", "keepfit_uncorrected", "schedule", "never", "page_hinkley")
"""Policies with a chart of their own; the others are in the table."""
CSS = Path(__file__).parent.parent / "reporting" / "page.css"


def render(found: Replay) -> str:
    """The page. All text of the data is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("page.html").render(
        found=found,
        css=CSS.read_text(encoding="utf-8"),
        span=f"{found.start:%Y-%m-%d} to {found.end:%Y-%m-%d}, {found.n_windows} windows of {found.every}, "
        f"{found.n_rows:,} rows, {measure(found.metric).title}",
        ageing=ageing(found),
        left_out=left_out(found),
        head=HEAD,
        rows=[_row(each) for each in found.policies],
        over_time=[_over_time(found, each) for name in SHOWN for each in found.policies if each.name == name],
        by_age=by_age(found.ages),
        trainings=found.policy("keepfit").trainings,
    )


def _row(each: Outcome) -> list[str]:
    counts = (each.retrainings, each.promotions, each.refusals, each.false_alarms)
    return [each.title, figure(each.score), *map(str, counts), f"{each.seconds:.1f}"]


def _over_time(found: Replay, outcome: Outcome) -> dict[str, Any]:
    """The score of each window as a line, with a point where a model was trained."""
    scored = [(number, each.score) for number, each in enumerate(outcome.steps) if each.score is not None]
    every = [step.score for each in found.policies for step in each.steps if step.score is not None]
    title = f"{measure(found.metric).title} of each window: {outcome.title}"
    chart = Chart(
        title,
        Axis.around(f"windows since {found.start:%Y-%m-%d}", [0, found.n_windows]),
        Axis.around(measure(found.metric).title, every),
    )
    by_number = dict(scored)
    if scored:
        chart.line([number for number, _ in scored], [score for _, score in scored], "one", outcome.title)
    marked = [each for each in outcome.trainings if by_number.get(each.window) is not None]
    for css, chosen in (("three", True), ("two", False)):
        of = [each for each in marked if each.promoted is chosen]
        if of:
            names = [f"{each.at:%Y-%m-%d}: {each.cause}, {'promoted' if chosen else 'refused'}" for each in of]
            chart.points([each.window for each in of], [float(by_number[each.window] or 0) for each in of], css, names)
    words = f"{outcome.title}: {figure(outcome.score)} with {outcome.retrainings} trainings (the points)"
    return {"svg": chart.svg(), "words": words}
