"""Figures with their uncertainty: the loss that tuning lowers, 95 % intervals, and comparisons on the same rows.

The intervals are percentile bootstrap intervals over rows (Efron and Tibshirani, An Introduction to the Bootstrap,
1993, chapter 13), 1,000 resamples. Beyond 10 million drawn rows there are fewer resamples, and below 400 of them the
interval is the figure ± 1.96 standard deviations of the resamples: at a million rows both say the same, and one of
them takes a second.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tasks.core.errors import DataError, ProjectError
from tasks.core.measures import METRICS, Measure
from tasks.core.model_records import Comparison, Metric
from tasks.core.records import Problem
from tasks.core.weighted import Array, Rows, Statistic

__all__ = [
    "METRICS",
    "compare",
    "default_metric",
    "interval",
    "intervals",
    "loss",
    "measure",
    "spread",
    "value",
    "within",
]

Codes = npt.NDArray[np.int64]

RESAMPLES = 1_000
_DRAWN_ROWS = 10_000_000
_FEWEST = 50
_PERCENTILES_FROM = 400
_BLOCK = 1 << 21


def default_metric(problem: Problem) -> str:
    """The metric that decides when the project names none: it judges the whole probability, or the error's size."""
    return "rmse" if problem == "regression" else "log_loss"


def measure(metric: str) -> Measure:
    """What is known of the metric; `ProjectError` when there is none of that name."""
    try:
        return METRICS[metric]
    except KeyError:
        raise ProjectError(
            f"Metric {metric!r}", expected=f"one of {', '.join(METRICS)}", action="Change `metric` in project.yaml"
        ) from None


def value(metric: str, y: Rows, predicted: Rows, threshold: float = 0.5) -> float:
    """The metric over the rows; NaN where it is undefined or not a finite number."""
    with np.errstate(all="ignore"):
        found = float(measure(metric).prepare(y, predicted, threshold)(np.ones((1, len(y))))[0])
    return found if np.isfinite(found) else float("nan")


def loss(metric: str, y: Rows, predicted: Rows) -> float:
    """The metric as a loss: lower is better, infinite for predictions that are no numbers.

    Where the rows leave it undefined (one class only), the value of a model that knows nothing.
    """
    if not np.isfinite(predicted).all():
        return float("inf")
    found = value(metric, y, predicted)
    known = measure(metric)
    found = known.chance if np.isnan(found) else found
    return -found if known.greater_is_better else found


def interval(metric: str, y: Rows, predicted: Rows, seed: int, threshold: float = 0.5) -> Metric:
    """The metric with its 95 % interval; `DataError` when the rows leave it undefined."""
    figures, left_out = intervals((metric,), y, predicted, seed, threshold)
    if left_out:
        raise DataError(
            f"{left_out[0]} on {len(y)} rows", action="Bring more rows, or let another metric decide in project.yaml"
        )
    return figures[0]


def intervals(
    metrics: Sequence[str], y: Rows, predicted: Rows, seed: int, threshold: float = 0.5
) -> tuple[tuple[Metric, ...], tuple[str, ...]]:
    """All the metrics from one set of resamples, and a sentence for each that the rows leave undefined."""
    values = {metric: value(metric, y, predicted, threshold) for metric in metrics}
    defined = [metric for metric in metrics if not np.isnan(values[metric])]
    drawn = _resampled([measure(m).prepare(y, predicted, threshold) for m in defined], len(y), _work(predicted), seed)
    figures: list[Metric] = []
    for metric, resamples in zip(defined, drawn, strict=True):
        low, high = within(metric, *_bounds(resamples, values[metric]))
        better = measure(metric).greater_is_better
        figures.append(Metric(name=metric, value=values[metric], low=low, high=high, greater_is_better=better))
    missing = (m for m in metrics if np.isnan(values[m]))
    return tuple(figures), tuple(
        f"{measure(m).title} has no value: {measure(m).undefined or 'it is not finite'}" for m in missing
    )


def compare(
    metric: str,
    y: Rows,
    ours: Rows,
    theirs: Rows,
    seed: int,
    *,
    against: str = "baseline",
    thresholds: tuple[float, float] = (0.5, 0.5),
    blocks: Codes | None = None,
) -> Comparison:
    """By how much `ours` is better than `theirs` on the same rows, each resample judging both (paired bootstrap).

    With `blocks`, the number of each row's block from 0, whole blocks are drawn, and the interval allows for their few.
    """
    known = measure(metric)
    sign = 1.0 if known.greater_is_better else -1.0
    both = (ours, theirs)
    scores = [value(metric, y, each, threshold) for each, threshold in zip(both, thresholds, strict=True)]
    if np.isnan(scores).any():
        reason = known.undefined or "it is not finite"
        raise DataError(f"{known.title} against the {against} has no value on {len(y)} rows: {reason}")
    prepared = [known.prepare(y, each, threshold) for each, threshold in zip(both, thresholds, strict=True)]
    first, second = _resampled(prepared, len(y), 2 * _work(ours), seed, blocks=blocks)
    gain = sign * (scores[0] - scores[1])
    low, high = _bounds(sign * (first - second), gain)
    n_blocks = 0 if blocks is None else int(blocks.max()) + 1
    wider = math.sqrt(n_blocks / (n_blocks - 1)) if n_blocks > 1 else 1.0
    return Comparison(
        against=against,
        metric=metric,
        ours=scores[0],
        theirs=scores[1],
        gain=gain,
        low=gain - wider * (gain - low),
        high=gain + wider * (high - gain),
        n_rows=len(y),
        n_blocks=n_blocks,
    )


def within(metric: str, low: float, high: float) -> tuple[float, float]:
    """The interval, cut where the metric ends."""
    lowest, highest = measure(metric).bounds
    return max(low, lowest), min(high, highest)


def spread(metric: str, y: Rows, predicted: Rows, seed: int, threshold: float = 0.5, resamples: int = 200) -> float:
    """The metric's bootstrap standard error: for intervals that must hold for many slices at once."""
    prepared = measure(metric).prepare(y, predicted, threshold)
    drawn = _resampled([prepared], len(y), _work(predicted), seed, most=resamples)[0]
    finite = drawn[np.isfinite(drawn)]
    return float(finite.std(ddof=1)) if len(finite) > 1 else 0.0


def _work(predicted: Rows) -> int:
    """Rows to draw in one resample; a metric of one class against the rest looks at them once a class."""
    return len(predicted) * (predicted.shape[1] if predicted.ndim == 2 and predicted.shape[1] > 2 else 1)


def _resampled(
    statistics: list[Statistic],
    n_rows: int,
    work: int,
    seed: int,
    most: int = RESAMPLES,
    blocks: Codes | None = None,
) -> Array:
    """(statistics, resamples) values; the same rows, or blocks of rows, are drawn for all of them."""
    generator = np.random.default_rng(seed)
    n_resamples = min(most, max(_FEWEST, _DRAWN_ROWS // work))
    values = np.full((len(statistics), n_resamples), np.nan)
    block = max(1, _BLOCK // n_rows)
    for start in range(0, n_resamples, block):
        n = min(block, n_resamples - start)
        counts = _counts(generator, n, n_rows if blocks is None else int(blocks.max()) + 1)
        counts = counts if blocks is None else counts[:, blocks]
        with np.errstate(all="ignore"):
            for index, statistic in enumerate(statistics):
                values[index, start : start + len(counts)] = statistic(counts)
    return values


def _counts(generator: np.random.Generator, n_resamples: int, n_rows: int) -> Array:
    drawn = generator.integers(0, n_rows, size=(n_resamples, n_rows))
    drawn += np.arange(n_resamples)[:, None] * n_rows
    return np.bincount(drawn.ravel(), minlength=n_resamples * n_rows).reshape(n_resamples, n_rows).astype(np.float64)


def _bounds(resamples: Array, found: float) -> tuple[float, float]:
    """The 95 % bounds, widened to hold the figure itself (a skewed bootstrap may leave it out)."""
    finite = resamples[np.isfinite(resamples)]
    if len(finite) < 2:
        return found, found
    if len(resamples) >= _PERCENTILES_FROM:
        low, high = (float(bound) for bound in np.percentile(finite, (2.5, 97.5)))
    else:
        width = 1.96 * float(finite.std(ddof=1))
        low, high = found - width, found + width
    return min(low, found), max(high, found)
