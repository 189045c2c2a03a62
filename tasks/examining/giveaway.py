"""How much of the target one column leaves open, and how much all the others together do; always out of fold.

What is left open goes from 0 (nothing) to 1 (everything, as by chance): 1 - R² of the ranks of a number; twice
1 - AUC of a class against the rest. Neither changes when a column or the target is rescaled by a rising function.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import polars as pl

from tasks.examining.sampled import Codes, Numbers, Sample, is_number, numbers

BINS = 64
COVERED = 0.3
"""A view is judged by the rows whose level is in other folds too; they must be this share of all."""
MOST_OTHERS = 60
"""Columns of which the others together are judged: those that tell most."""
MOST_ROWS = 10_000


def levels(values: pl.Series) -> list[Codes]:
    """Views of a column as levels: its values where they come again, and 64 bins of a number; missing is a level."""
    if not is_number(values.dtype):
        return [values.rank("dense").fill_null(0).cast(pl.Int64).to_numpy()]
    found = numbers(values)
    present = np.isfinite(found)
    views: list[Codes] = []
    different, exact = np.unique(found[present], return_inverse=True)
    if len(different) <= max(BINS, present.sum() / 3):
        views.append(np.zeros(len(found), np.int64))
        views[0][present] = exact + 1
    if len(different) > BINS:
        edges = np.unique(np.sort(found[present])[np.arange(1, BINS) * present.sum() // BINS])
        views.append(np.where(present, np.searchsorted(edges, found, side="right") + 1, 0))
    return views


def left_open(view: Codes, sample: Sample) -> Numbers:
    """What the levels leave open of each answer: a level's mean in the other folds is the guess."""
    n_levels, n_folds = int(view.max()) + 1, int(sample.folds.max()) + 1
    cells = view * n_folds + sample.folds

    def summed(weights: Numbers | None) -> Numbers:
        return np.bincount(cells, weights, n_levels * n_folds).reshape(n_levels, n_folds).astype(np.float64)

    counts = summed(None)
    elsewhere = counts.sum(axis=1, keepdims=True) - counts
    known = (elsewhere > 0) & (counts > 0)
    n_known = counts[known].sum()
    if n_known < max(50.0, COVERED * len(view)):
        return np.ones(sample.answers.shape[1])
    results: list[float] = []
    for answer in sample.answers.T:
        sums = summed(answer)
        guesses = (sums.sum(axis=1, keepdims=True) - sums)[known] / elsewhere[known]
        if sample.target.problem == "regression":
            squares = summed(answer * answer)[known]
            wrong = (squares - 2 * guesses * sums[known] + counts[known] * guesses**2).sum()
            total = squares.sum() - sums[known].sum() ** 2 / n_known
            results.append(float(wrong / total) if total > 0 else 1.0)
        else:
            results.append(2 * (1 - _auc(guesses, sums[known], counts[known])))
    return np.clip(results, 0.0, 1.0)


def left_open_by_all(columns: Sequence[pl.Series], sample: Sample) -> Numbers:
    """What these columns leave open together, by gradient boosting; all when there are none."""
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    if not columns:
        return np.ones(sample.answers.shape[1])
    # A text's levels are in the order of the alphabet; trees of some depth take them apart.
    matrix = np.column_stack([numbers(each) if is_number(each.dtype) else levels(each)[0] for each in columns])
    some = np.arange(0, len(matrix), max(1, len(matrix) // MOST_ROWS))
    matrix, answers, folds = matrix[some].astype(np.float64), sample.answers[some], sample.folds[some]
    matrix[~np.isfinite(matrix)] = np.nan
    matrix[:, np.isnan(matrix).all(axis=0)] = 0.0  # binning fails on a column without any value
    regression = sample.target.problem == "regression"
    results: list[float] = []
    with threadpool_limits(1):
        for answer in answers.T:
            guesses = np.full(len(answer), answer.mean())
            for fold in np.unique(folds):
                learned, asked = folds != fold, folds == fold
                if len(np.unique(answer[learned])) > 1:
                    # Ones and zeros are numbers too: their mean is the probability.
                    model = HistGradientBoostingRegressor(
                        max_iter=60, early_stopping=cast("Any", False), random_state=0
                    )
                    guesses[asked] = model.fit(matrix[learned], answer[learned]).predict(matrix[asked])
            if regression:
                results.append(float(((guesses - answer) ** 2).sum() / ((answer - answer.mean()) ** 2).sum()))
            else:
                results.append(2 * (1 - _auc(guesses, answer, np.ones(len(answer)))))
    return np.clip(results, 0.0, 1.0)


def _auc(guesses: Numbers, positives: Numbers, counts: Numbers) -> float:
    """The area under the ROC curve of cells of so many rows, so many of which are positive; ties count half."""
    _, which = np.unique(guesses, return_inverse=True)
    right = np.bincount(which, positives)
    wrong = np.bincount(which, counts) - right
    n_right, n_wrong = right.sum(), wrong.sum()
    if n_right == 0 or n_wrong == 0:
        return 0.5
    below = np.cumsum(wrong) - wrong
    return float((right * (below + wrong / 2)).sum() / (n_right * n_wrong))
