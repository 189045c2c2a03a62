"""What each metric is: how to compute it for weighted rows, which way is better, and when it has no value.

A metric is prepared once for its rows and then computed for a whole block of bootstrap resamples: a resample is a
row of counts (how often each row was drawn), so that nothing is gathered or sorted again for it.

`y` holds class codes 0..k-1, or float targets; `predicted` is (n, k) probabilities, or (n,) values. In a binary
problem precision, recall, F1, average precision and ROC AUC speak of class 1; in a multiclass one they are macro
averages, one class against the rest for the last two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.core.records import Problem

Array = npt.NDArray[np.float64]
Rows = npt.NDArray[Any]
Statistic = Callable[[Array], Array]
"""(resamples, n) counts -> (resamples,) values; NaN where the metric is undefined for a resample."""


@dataclass(frozen=True)
class Measure:
    """What is known of a metric. `chance` is what a model that knows nothing reaches: it stands in for no value."""

    title: str
    prepare: Callable[[Rows, Rows, float], Statistic]
    greater_is_better: bool
    needs_probabilities: bool
    problems: tuple[Problem, ...]
    chance: float
    bounds: tuple[float, float]
    """The lowest and highest value there can be; an approximate interval must not tell of more."""
    undefined: str = ""
    """When the metric has no value."""


# Sums over rows


def _mean(values: Rows) -> Statistic:
    row = np.ascontiguousarray(values, dtype=np.float64)
    # einsum and not @: BLAS splits the sum by its threads, and the last bit would depend on the machine.
    return lambda counts: np.einsum("rn,n->r", counts, row) / counts.sum(axis=1)


def labels(predicted: Rows, threshold: float) -> npt.NDArray[np.intp]:
    """The class codes that the probabilities answer; `threshold` is for class 1 of two."""
    if predicted.shape[1] == 2:
        return (predicted[:, 1] >= threshold).astype(np.intp)
    return predicted.argmax(axis=1)


def _accuracy(y: Rows, predicted: Rows, threshold: float) -> Statistic:
    return _mean(labels(predicted, threshold) == y)


def _log_loss(y: Rows, predicted: Rows, threshold: float) -> Statistic:
    right = predicted[np.arange(len(y)), y.astype(np.intp)]
    return _mean(-np.log(np.clip(right, np.finfo(np.float64).eps, 1.0)))


def _brier(y: Rows, predicted: Rows, threshold: float) -> Statistic:
    if predicted.shape[1] == 2:
        return _mean((predicted[:, 1] - y) ** 2)
    truth = y[:, None] == np.arange(predicted.shape[1])
    return _mean(((predicted - truth) ** 2).sum(axis=1))


def _per_class(finish: Callable[[Array, Array, Array, bool], Array]) -> Callable[[Rows, Rows, float], Statistic]:
    """A metric of three counts a class: rows of it, rows predicted as it, and rows that are both."""

    def prepare(y: Rows, predicted: Rows, threshold: float) -> Statistic:
        k = predicted.shape[1]
        truth, chosen = y.astype(np.intp), labels(predicted, threshold)
        hit = np.where(truth == chosen, truth, k)

        def tally(codes: npt.NDArray[np.intp], counts: Array) -> Array:
            return np.array([np.bincount(codes, row, k + 1)[:k] for row in counts], dtype=np.float64)

        return lambda counts: finish(tally(truth, counts), tally(chosen, counts), tally(hit, counts), k == 2)

    return prepare


def _share(part: Array, whole: Array) -> Array:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _averaged(values: Array, counted: npt.NDArray[np.bool_], binary: bool) -> Array:
    """The positive class's value, or the mean over the classes that are counted."""
    if binary:
        return values[:, 1]
    with np.errstate(invalid="ignore"):
        return np.where(counted, values, 0.0).sum(axis=1) / counted.sum(axis=1)


def _precision(truth: Array, chosen: Array, hit: Array, binary: bool) -> Array:
    return _averaged(_share(hit, chosen), (truth + chosen) > 0, binary)


def _recall(truth: Array, chosen: Array, hit: Array, binary: bool) -> Array:
    return _averaged(_share(hit, truth), (truth + chosen) > 0, binary)


def _f1(truth: Array, chosen: Array, hit: Array, binary: bool) -> Array:
    return _averaged(_share(2 * hit, truth + chosen), (truth + chosen) > 0, binary)


def _balanced_accuracy(truth: Array, chosen: Array, hit: Array, binary: bool) -> Array:
    return _averaged(_share(hit, truth), truth > 0, binary=False)


# Ranks


def _one_against_rest(of: Callable[[npt.NDArray[np.bool_], Rows], Statistic]) -> Callable[..., Statistic]:
    def prepare(y: Rows, predicted: Rows, threshold: float) -> Statistic:
        k = predicted.shape[1]
        if k == 2:
            return of(y == 1, predicted[:, 1])
        statistics = [of(y == code, predicted[:, code]) for code in range(k)]

        def macro(counts: Array) -> Array:
            values = np.stack([statistic(counts) for statistic in statistics], axis=1)
            return _averaged(values, np.isfinite(values), binary=False)

        return macro

    return prepare


def _roc_auc(positive: npt.NDArray[np.bool_], score: Rows) -> Statistic:
    """The share of pairs (positive, negative) in the right order, a tie counting half."""
    order = np.argsort(score, kind="stable")
    ranked, is_negative = score[order], ~positive[order]
    at = np.flatnonzero(positive[order])
    first, last = (np.searchsorted(ranked, ranked[at], side) for side in ("left", "right"))

    def statistic(counts: Array) -> Array:
        drawn = counts[:, order]
        below = np.zeros((len(counts), len(order) + 1))
        np.cumsum(drawn * is_negative, axis=1, out=below[:, 1:])
        hits = drawn[:, at]
        wins = np.einsum("rp,rp->r", hits, below[:, first] + below[:, last]) / 2
        with np.errstate(invalid="ignore"):
            return wins / (hits.sum(axis=1) * below[:, -1])

    return statistic


def _average_precision(positive: npt.NDArray[np.bool_], score: Rows) -> Statistic:
    """The mean precision at each positive row's score, its ties included."""
    order = np.argsort(-score, kind="stable")
    ranked, is_positive = -score[order], positive[order]
    at = np.flatnonzero(is_positive)
    end = np.searchsorted(ranked, ranked[at], "right") - 1

    def statistic(counts: Array) -> Array:
        drawn = counts[:, order]
        precision = _share(np.cumsum(drawn * is_positive, axis=1)[:, end], np.cumsum(drawn, axis=1)[:, end])
        hits = drawn[:, at]
        with np.errstate(invalid="ignore"):
            return np.einsum("rp,rp->r", hits, precision) / hits.sum(axis=1)

    return statistic


# Errors of a value


def _root(of: Callable[[Rows, Rows, float], Statistic]) -> Callable[[Rows, Rows, float], Statistic]:
    def prepare(y: Rows, predicted: Rows, threshold: float) -> Statistic:
        statistic = of(y, predicted, threshold)
        return lambda counts: np.sqrt(statistic(counts))

    return prepare


def _mse(y: Rows, predicted: Rows, threshold: float) -> Statistic:
    return _mean((y - predicted) ** 2)


def _mae(y: Rows, predicted: Rows, threshold: float) -> Statistic:
    return _mean(np.abs(y - predicted))


def _mape(y: Rows, predicted: Rows, threshold: float) -> Statistic:
    return _mean(np.abs(y - predicted) / np.where(y == 0, np.nan, np.abs(y)))


def _r2(y: Rows, predicted: Rows, threshold: float) -> Statistic:
    centred = y - y.mean()  # or the variance drowns in the mean's square
    residual, first, second = _mean((y - predicted) ** 2), _mean(centred), _mean(centred**2)

    def statistic(counts: Array) -> Array:
        variance = second(counts) - first(counts) ** 2
        varies = (counts[:, y != y[0]] > 0).any(axis=1)
        return np.where(varies, 1 - residual(counts) / np.where(varies, variance, 1.0), np.nan)

    return statistic


def _median_absolute_error(y: Rows, predicted: Rows, threshold: float) -> Statistic:
    error = np.abs(y - predicted)
    order = np.argsort(error, kind="stable")
    ranked = error[order]

    def statistic(counts: Array) -> Array:
        reached = np.cumsum(counts[:, order], axis=1)
        n = reached[:, -1:]
        lower, upper = ((reached <= middle).sum(axis=1) for middle in ((n - 1) // 2, n // 2))
        return (ranked[lower] + ranked[upper]) / 2

    return statistic


_CLASSES: tuple[Problem, ...] = ("binary", "multiclass")
_VALUES: tuple[Problem, ...] = ("regression",)
_SHARE, _LOSS = (0.0, 1.0), (0.0, float("inf"))
_ONE_CLASS = "the rows are all of one class, or a class is missing"

METRICS: dict[str, Measure] = {
    "log_loss": Measure("Log loss", _log_loss, False, True, _CLASSES, 0.0, _LOSS),
    "roc_auc": Measure("ROC AUC", _one_against_rest(_roc_auc), True, True, _CLASSES, 0.5, _SHARE, _ONE_CLASS),
    "accuracy": Measure("Accuracy", _accuracy, True, False, _CLASSES, 0.0, _SHARE),
    "f1": Measure("F1", _per_class(_f1), True, False, _CLASSES, 0.0, _SHARE),
    "precision": Measure("Precision", _per_class(_precision), True, False, _CLASSES, 0.0, _SHARE),
    "recall": Measure("Recall", _per_class(_recall), True, False, _CLASSES, 0.0, _SHARE),
    "balanced_accuracy": Measure(
        "Balanced accuracy", _per_class(_balanced_accuracy), True, False, _CLASSES, 0.0, _SHARE
    ),
    "average_precision": Measure(
        "Average precision", _one_against_rest(_average_precision), True, True, _CLASSES, 0.0, _SHARE, _ONE_CLASS
    ),
    "brier": Measure("Brier score", _brier, False, True, _CLASSES, 0.0, (0.0, 2.0)),
    "rmse": Measure("RMSE", _root(_mse), False, False, _VALUES, 0.0, _LOSS),
    "r2": Measure("R²", _r2, True, False, _VALUES, 0.0, (-float("inf"), 1.0), "the target is the same in every row"),
    "mae": Measure("MAE", _mae, False, False, _VALUES, 0.0, _LOSS),
    "median_absolute_error": Measure(
        "Median absolute error", _median_absolute_error, False, False, _VALUES, 0.0, _LOSS
    ),
    "mse": Measure("MSE", _mse, False, False, _VALUES, 0.0, _LOSS),
    "mape": Measure("MAPE", _mape, False, False, _VALUES, 0.0, _LOSS, "a target is zero"),
}
"""All metrics by name, in the order in which a reader wants to see them."""
