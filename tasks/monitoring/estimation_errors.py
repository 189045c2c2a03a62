"""How large an error is to be expected of each answer of a regression, by what was answered and the views."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tasks.core.weighted import Array, Rows
from tasks.monitoring.estimation_weights import encoded

if TYPE_CHECKING:
    from tasks.monitoring.estimation import Answered

FOLDS = 5


def expected_errors(
    predicted: Rows, y: Rows, views: pl.DataFrame | None, window: Answered, seed: int
) -> tuple[Array, Array]:
    """The expected |error| of the held-out rows, each by a model that has not seen it, and of the window's rows."""
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.model_selection import KFold, cross_val_predict
    from threadpoolctl import threadpool_limits

    known, asked = predicted[:, None], window.predicted[:, None]
    if views is not None and window.views is not None and views.width:
        known = np.column_stack([known, encoded(views, views)])
        asked = np.column_stack([asked, encoded(window.views, views)])
    error = np.abs(np.asarray(y, np.float64) - predicted)
    model = HistGradientBoostingRegressor(
        max_iter=60, learning_rate=0.08, max_leaf_nodes=8, min_samples_leaf=20, random_state=seed
    )
    folds = KFold(FOLDS, shuffle=True, random_state=seed)
    with threadpool_limits(1):
        ours = np.asarray(cross_val_predict(model, known, error, cv=folds), np.float64)
        return ours, np.asarray(model.fit(known, error).predict(asked), np.float64)
