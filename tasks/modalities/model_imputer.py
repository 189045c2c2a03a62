"""Missing numbers as the other numbers of their row suggest. Imported where it is used: scikit-learn is heavy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import BayesianRidge

ROUNDS = 5
"""Of the chain, where several columns are imputed: each has a regression a round, and after three little moves."""
MOST_ROWS = 20_000
"""That a regression is fitted on, from all over: its few coefficients do not move with more."""


class ModelImputer(TransformerMixin, BaseEstimator):
    """Chained equations (van Buuren and Groothuis-Oudshoorn, mice, 2011) by Bayesian ridge, for some of the columns.

    x (n, p) becomes its `imputed` columns (n, k), without missing values; the others are only looked at, their median
    where they are missing too. An imputed value is never beyond what the training rows hold. scikit-learn's own
    IterativeImputer is experimental, regresses every column, and leaves out the regressions where all that it is
    asked at once is missing: it would answer such a row in one way alone and in another among others.
    """

    def __init__(self, imputed: Sequence[int] = (0,)) -> None:
        self.imputed = imputed

    def fit(self, x: Any, y: Any = None) -> ModelImputer:
        x = np.asarray(x, dtype=float)
        self.n_features_in_ = x.shape[1]
        x = x[np.linspace(0, len(x) - 1, min(len(x), MOST_ROWS)).astype(np.intp)]
        x = np.where(np.isnan(x).all(axis=0), 0.0, x)
        self.centre_ = np.nanmedian(x, axis=0)
        spread = np.nanstd(x, axis=0)
        self.spread_ = np.where(spread > 0, spread, 1.0)
        z, missing = self._start(x)
        self.low_, self.high_ = z.min(axis=0), z.max(axis=0)
        self.regressions_: list[tuple[int, Any, float]] = []
        for _ in range(ROUNDS if len(self.imputed) > 1 else 1):
            for column in self.imputed:
                known, others = ~missing[:, column], np.arange(x.shape[1]) != column
                weights = np.zeros(x.shape[1])
                if not others.any() or np.ptp(z[known, column]) == 0:
                    intercept = 0.0  # nothing to learn from, or nothing to learn: the median
                else:
                    fitted = BayesianRidge().fit(z[known][:, others], z[known, column])
                    weights[others], intercept = fitted.coef_, float(fitted.intercept_)
                self.regressions_.append((column, weights, intercept))
                self._replace(z, missing, column, weights, intercept)
        return self

    def transform(self, x: Any) -> Any:
        x = np.asarray(x, dtype=float)
        z, missing = self._start(x)
        for regression in self.regressions_:
            self._replace(z, missing, *regression)
        filled = np.where(missing, z * self.spread_ + self.centre_, x)
        return filled[:, list(self.imputed)]

    def _start(self, x: Any) -> tuple[Any, Any]:
        missing = np.isnan(x)
        return np.where(missing, 0.0, (x - self.centre_) / self.spread_), missing

    def _replace(self, z: Any, missing: Any, column: int, weights: Any, intercept: float) -> None:
        found = np.clip(z @ weights + intercept, self.low_[column], self.high_[column])
        z[:, column] = np.where(missing[:, column], found, z[:, column])
