"""How the model does on the test rows, as charts: ranking, calibration, errors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl
from markupsafe import Markup

from tasks.core.figures import figure, percent
from tasks.core.records import Target
from tasks.reporting.charts import MOST_POINTS, Axis, Chart, histogram

Floats = npt.NDArray[np.float64]

RANKED = (
    "Rows of the class that are found, against rows wrongly taken for it, as the threshold falls. The dashed line is "
    "guessing; the upper left corner is perfect."
)
RETRIEVED = "Of the rows answered as the class, how many are, against how many of the class are found."
RELIABLE = (
    "What the model said, in groups of equally many rows, against what came true, with 95 % intervals "
    "(Wilson). On the dashed line a stated 30 % means 30 %."
)
AGAINST = "Each test row; on the dashed line the prediction is right. Cells are darker where more rows are."
RESIDUALS = "How far off, and to which side. The outermost bars hold all that is further."
FUNNEL = "Errors over the size of the prediction: a funnel means that large values are less certain."
ON_AVERAGE = (
    "The mean of what came, in ten groups by prediction, with 95 % intervals. On the dashed line a group "
    "is right on average."
)

MOST_CLASSES = 6
"""More curves than this in one chart cannot be told apart."""
_CALIBRATION_BINS = 10
_Z = 1.96


def charts(predictions: pl.DataFrame, target: Target) -> list[tuple[Markup, str, str]]:
    """Each chart with its title and a sentence on how to read it."""
    if target.problem == "regression":
        y, predicted = predictions["target"].to_numpy(), predictions["prediction"].to_numpy()
        return _of_values(y.astype(float), predicted.astype(float), target.name)
    return _of_classes(predictions, target)


def _of_classes(predictions: pl.DataFrame, target: Target) -> list[tuple[Markup, str, str]]:
    truth = predictions["target"]
    classes = [target.positive] if target.positive is not None else _commonest(truth)
    curves: list[tuple[str, Floats, npt.NDArray[np.bool_]]] = []
    for name in classes:
        positive = (truth == name).to_numpy()
        if positive.any() and not positive.all():
            curves.append((name, predictions[f"p_{name}"].to_numpy(), positive))
    drawn: list[tuple[Markup, str, str]] = []
    if curves:
        of = f"class {target.positive}" if target.positive is not None else "each class against the rest"
        drawn.append((_roc(curves, of), f"ROC curve of {of}", RANKED))
        drawn.append((_precision_recall(curves, of), f"Precision and recall of {of}", RETRIEVED))
    drawn.append((_class_calibration(predictions, target), "Calibration", RELIABLE))
    return drawn


def _commonest(truth: pl.Series) -> list[str]:
    counted = truth.value_counts().sort(["count", truth.name], descending=[True, False])
    return counted[truth.name].head(MOST_CLASSES).to_list()


def _css(index: int) -> str:
    return ("one", "two", "three", "four", "five", "six")[index % 6]


def _ranked(score: Floats, positive: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """True and false positives as the threshold falls, one point for each different score, from (0, 0)."""
    order = np.argsort(-score, kind="stable")
    last = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    hits = np.cumsum(positive[order])[last]
    return np.append(0, hits).astype(float), np.append(0, last + 1 - hits).astype(float)


def _roc(curves: Sequence[tuple[str, Floats, npt.NDArray[np.bool_]]], of: str) -> Markup:
    title = f"ROC curve of {of}"
    chart = Chart(title, Axis("false positive rate", 0, 1), Axis("true positive rate", 0, 1.02))
    chart.rule((0, 1), (0, 1))
    for index, (name, score, positive) in enumerate(curves):
        hits, misses = _ranked(score, positive)
        chart.line(misses / misses[-1], hits / hits[-1], _css(index), name if len(curves) > 1 else "")
    return chart.svg()


def _precision_recall(curves: Sequence[tuple[str, Floats, npt.NDArray[np.bool_]]], of: str) -> Markup:
    chart = Chart(f"Precision and recall of {of}", Axis("recall", 0, 1), Axis("precision", 0, 1.02))
    for index, (name, score, positive) in enumerate(curves):
        hits, misses = _ranked(score, positive)
        if len(curves) == 1:
            chart.rule((0, 1), (positive.mean(), positive.mean()))
        reached = hits > 0
        precision = hits[reached] / (hits + misses)[reached]
        chart.line(hits[reached] / hits[-1], precision, _css(index), name if len(curves) > 1 else "")
    return chart.svg()


def _class_calibration(predictions: pl.DataFrame, target: Target) -> Markup:
    """Reliability: of the rows that were given 30 %, did 30 % turn out so?"""
    if target.positive is not None:
        said, held = predictions[f"p_{target.positive}"].to_numpy(), predictions["target"] == target.positive
        label, what = f"probability of {target.positive}", "share that are"
    else:
        columns = [f"p_{name}" for name in target.classes]
        said = predictions.select(pl.max_horizontal(columns)).to_series().to_numpy()
        held, label, what = (
            predictions["target"] == predictions["prediction"],
            "probability of the answer",
            "share right",
        )
    chart = Chart("Calibration", Axis(label, 0, 1), Axis(what, 0, 1.02))
    chart.rule((0, 1), (0, 1))
    for said_mean, share, n_rows, low, high in _reliability(said, held.to_numpy().astype(float)):
        name = (
            f"said {percent(said_mean)}, came {percent(share)} of {n_rows:,} rows ({percent(low)} to {percent(high)})"
        )
        chart.whisker(said_mean, share, low, high, "one", name)
    return chart.svg()


def _reliability(said: Floats, held: Floats) -> list[tuple[float, float, int, float, float]]:
    """(mean said, share held, rows, low, high) of each group of equally many rows; ties stay together."""
    groups = np.unique(np.quantile(said, np.linspace(0, 1, _CALIBRATION_BINS + 1))[1:-1], return_index=False)
    group = np.searchsorted(groups, said, "right")
    found: list[tuple[float, float, int, float, float]] = []
    for index in np.unique(group):
        rows = group == index
        n, share = int(rows.sum()), float(held[rows].mean())
        centre, spread = (share + _Z**2 / (2 * n)), _Z * np.sqrt(share * (1 - share) / n + _Z**2 / (4 * n * n))
        low, high = ((centre + sign * spread) / (1 + _Z**2 / n) for sign in (-1, 1))
        found.append((float(said[rows].mean()), share, n, max(0.0, float(low)), min(1.0, float(high))))
    return found


def _of_values(y: Floats, predicted: Floats, name: str) -> list[tuple[Markup, str, str]]:
    residual = y - predicted
    # A few rows far off must not flatten all the others.
    edge = float(np.quantile(np.abs(residual), 0.995)) or 1.0
    residual = np.clip(residual, -edge, edge)
    edges = np.linspace(-edge, edge, 32)
    counts = np.histogram(residual, edges)[0].tolist()
    return [
        (_against(y, predicted, name), "Predicted against actual", AGAINST),
        (histogram("Residuals", "actual less predicted", edges.tolist(), counts), "Residuals", RESIDUALS),
        (_over(residual, predicted, edge), "Residuals by prediction", FUNNEL),
        (_value_calibration(y, predicted, name), "Calibration", ON_AVERAGE),
    ]


def _against(y: Floats, predicted: Floats, name: str) -> Markup:
    both = Axis.around("actual", y, predicted)
    chart = Chart(f"Predicted against actual {name}", Axis("predicted", both.low, both.high), both)
    few = len(y) <= MOST_POINTS
    pairs = zip(predicted, y, strict=True)
    chart.points(predicted, y, "one", [f"predicted {figure(p)}, actual {figure(a)}" for p, a in pairs] if few else None)
    chart.rule((both.low, both.high), (both.low, both.high))
    return chart.svg()


def _over(residual: Floats, predicted: Floats, edge: float) -> Markup:
    chart = Chart("Residuals", Axis.around("predicted", predicted), Axis("actual less predicted", -edge, edge))
    chart.points(predicted, residual, "one")
    chart.rule((chart.x.low, chart.x.high), (0, 0))
    return chart.svg()


def _value_calibration(y: Floats, predicted: Floats, name: str) -> Markup:
    groups = np.unique(np.quantile(predicted, np.linspace(0, 1, _CALIBRATION_BINS + 1))[1:-1])
    group = np.searchsorted(groups, predicted, "right")
    found: list[tuple[float, float, float, int]] = []
    for index in np.unique(group):
        rows = group == index
        n = int(rows.sum())
        error = _Z * float(y[rows].std(ddof=1)) / np.sqrt(n) if n > 1 else 0.0
        found.append((float(predicted[rows].mean()), float(y[rows].mean()), float(error), n))
    said = [each[0] for each in found]
    came = [bound for each in found for bound in (each[1] - each[2], each[1] + each[2])]
    chart = Chart("Calibration", Axis.around("mean prediction", said), Axis.around(f"mean {name}", came, said))
    low, high = max(chart.x.low, chart.y.low), min(chart.x.high, chart.y.high)
    chart.rule((low, high), (low, high))
    for at, mean, error, n in found:
        words = f"predicted {figure(at)}, came {figure(mean)} ± {figure(error)} in {n:,} rows"
        chart.whisker(at, mean, mean - error, mean + error, "one", words)
    return chart.svg()
