"""How the model came to be: the trials of tuning, and the loss while it learned."""

from __future__ import annotations

import polars as pl
from markupsafe import Markup

from tasks.core import store
from tasks.core.figures import figure, seconds
from tasks.core.metrics import measure
from tasks.core.model_records import TrainedModel, Tuned
from tasks.reporting.charts import Axis, Chart

MOST_CURVES = 6


def trials_chart(tuned: Tuned) -> Markup | None:
    """The score of each trial in its order, and the best so far."""
    trials = pl.read_parquet(store.path(tuned.trials)).filter(pl.col("score").is_not_null())
    if trials.height < 2:
        return None
    known = measure(tuned.metric)
    scores = trials["score"]
    best = scores.cum_max() if known.greater_is_better else scores.cum_min()
    # One trial that went astray must not flatten all the others into a line.
    far = float(scores.quantile(0.05 if known.greater_is_better else 0.95) or 0.0)
    numbers = (trials["number"] + 1).to_list()
    y = Axis.around(f"{known.title} (cross-validated)", best.to_list(), [far])
    chart = Chart(f"{known.title} of each trial", Axis.around("trial", numbers, whole=True), y)
    names = [
        f"Trial {number + 1}, {family}: {figure(score)} in {seconds(taken)}. {params}"
        for number, family, score, taken, params in trials.select(
            "number", "family", "score", "seconds", "params"
        ).iter_rows()
    ]
    chart.points(numbers, scores.clip(y.low, y.high).to_list(), "one", names)
    chart.line(numbers, best.to_list(), "two", "best so far", steps=True)
    return chart.svg()


def curves_charts(model: TrainedModel) -> list[tuple[str, Markup]]:
    """For each member that learned step by step: its name, and its loss on training and validation rows."""
    if model.curves is None:
        return []
    table = pl.read_parquet(store.path(model.curves))
    charts: list[tuple[str, Markup]] = []
    for (number, family), rows in table.group_by("member", "family", maintain_order=True):
        if len(charts) == MOST_CURVES:
            break
        name = f"{family}, member {int(str(number)) + 1}"
        # The first steps fall so steeply that the rest would look flat: leave the worst few out of sight.
        shown = rows.filter(pl.col("loss") <= pl.col("loss").quantile(0.97))
        x, y = (
            Axis.around("iteration", rows["iteration"].to_list(), whole=True),
            Axis.around("loss", shown["loss"].to_list()),
        )
        chart = Chart(f"Loss of {name} by iteration", x, y)
        for part, css in (("train", "one"), ("validation", "two")):
            line = rows.filter(pl.col("set") == part).sort("iteration")
            if line.height:
                chart.line(line["iteration"].to_list(), line["loss"].clip(y.low, y.high).to_list(), css, part)
        charts.append((name, chart.svg()))
    return charts
