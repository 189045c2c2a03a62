"""How each metric is computed for weighted rows.

A metric is prepared once for its rows and then computed for a whole block of bootstrap resamples: a resample is a
row of counts (how often each row was drawn), so that nothing is gathered or sorted again for it.

`y` holds class codes 0..k-1, or float targets; `predicted` is (n, k) probabilities, or (n,) values. In a binary
problem precision, recall, F1, average precision and ROC AUC speak of class 1; in a multiclass one they are macro
averages, one class against the rest for the last two.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Rows = npt.NDArray[Any]
Statistic = Callable[[Array], Array]
"""(resamples, n) counts -> (resamples,) values; NaN where the metric is undefined for a resample."""
Prepare = Callable[[Rows, Rows, float], Statistic]
"""(y, predicted, threshold) -> the statistic of these rows."""


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


def accuracy(y: Rows, predicted: Rows, threshold: float) -> Statistic:
    return _mean(labels(predicted, threshold) == y)


def log_loss(y: Rows, predicted: Rows, threshold: float) -> Statistic:
    right = predicted[np.arange(len(y)), y.astype(np.intp)]
    return _mean(-np.log(np.clip(right, np.finfo(np.float64).eps, 1.0)))


def brier(y: Rows, predicted: Rows, threshold: float) -> Statistic:
    if predicted.shape[1] == 2:
        return _mean((predicted[:, 1] - y) ** 2)
    truth = y[:, None] == np.arange(predicted.shape[1])
    return _mean(((predicted - truth) ** 2).sum(axis=1))


def per_class(finish: Callable[[Array, Array, Array, bool], Array]) -> Prepare:
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


def precision(truth: Array, chosen: Array, hit: Array, binary: bool) -> Array:
    return _averaged(_share(hit, chosen), (truth + chosen) > 0, binary)


def recall(truth: Array, chosen: Array, hit: Array, binary: bool) -> Array:
    return _averaged(_share(hit, truth), (truth + chosen) > 0, binary)


def f1(truth: Array, chosen: Array, hit: Array, binary: bool) -> Array:
    return _averaged(_share(2 * hit, truth + chosen), (truth + chosen) > 0, binary)


def balanced_accuracy(truth: Array, chosen: Array, hit: Array, binary: bool) -> Array:
    return _averaged(_share(hit, truth), truth > 0, binary=False)


# Ranks


def one_against_rest(of: Callable[[npt.NDArray[np.bool_], Rows], Statistic]) -> Prepare:
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


def roc_auc(positive: npt.NDArray[np.bool_], score: Rows) -> Statistic:
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


def average_precision(positive: npt.NDArray[np.bool_], score: Rows) -> Statistic:
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


def root(of: Prepare) -> Prepare:
    def prepare(y: Rows, predicted: Rows, threshold: float) -> Statistic:
        statistic = of(y, predicted, threshold)
        return lambda counts: np.sqrt(statistic(counts))

    return prepare


def mse(y: Rows, predicted: Rows, threshold: float) -> Statistic:
    return _mean((y - predicted) ** 2)


def mae(y: Rows, predicted: Rows, threshold: float) -> Statistic:
    return _mean(np.abs(y - predicted))


def mape(y: Rows, predicted: Rows, threshold: float) -> Statistic:
    return _mean(np.abs(y - predicted) / np.where(y == 0, np.nan, np.abs(y)))


def r2(y: Rows, predicted: Rows, threshold: float) -> Statistic:
    centred = y - y.mean()  # or the variance drowns in the mean's square
    residual, first, second = _mean((y - predicted) ** 2), _mean(centred), _mean(centred**2)

    def statistic(counts: Array) -> Array:
        variance = second(counts) - first(counts) ** 2
        varies = (counts[:, y != y[0]] > 0).any(axis=1)
        return np.where(varies, 1 - residual(counts) / np.where(varies, variance, 1.0), np.nan)

    return statistic


def median_absolute_error(y: Rows, predicted: Rows, threshold: float) -> Statistic:
    error = np.abs(y - predicted)
    order = np.argsort(error, kind="stable")
    ranked = error[order]

    def statistic(counts: Array) -> Array:
        reached = np.cumsum(counts[:, order], axis=1)
        n = reached[:, -1:]
        lower, upper = ((reached <= middle).sum(axis=1) for middle in ((n - 1) // 2, n // 2))
        return (ranked[lower] + ranked[upper]) / 2

    return statistic
