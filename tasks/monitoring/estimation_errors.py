"""How large an error is to be expected of each answer of a regression, by what was answered and the views."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tasks.core.weighted import Array, Rows
from tasks.monitoring.estimation_weights import encoded

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingRegressor

FOLDS = 5


@dataclass(frozen=True)
class Errors:
    """Held-out rows and, of each, the |error| that a model expects which has not seen it (`own`)."""

    model: HistGradientBoostingRegressor
    own: Array
    views: pl.DataFrame | None

    @classmethod
    def learnt(cls, predicted: Rows, y: Rows, views: pl.DataFrame | None, seed: int) -> Errors:
        """What to expect, by (n,) values, their outcomes and the views of what was asked."""
        from sklearn.ensemble import HistGradientBoostingRegressor
        from sklearn.model_selection import KFold, cross_val_predict
        from threadpoolctl import threadpool_limits

        views = views if views is not None and views.width else None
        known = predicted[:, None] if views is None else np.column_stack([predicted, encoded(views, views)])
        error = np.abs(np.asarray(y, np.float64) - predicted)
        model = HistGradientBoostingRegressor(
            max_iter=60, learning_rate=0.08, max_leaf_nodes=8, min_samples_leaf=20, random_state=seed
        )
        folds = KFold(FOLDS, shuffle=True, random_state=seed)
        with threadpool_limits(1):
            own = np.asarray(cross_val_predict(model, known, error, cv=folds), np.float64)
            return cls(model.fit(known, error), own, views)

    def expected(self, predicted: Rows, views: pl.DataFrame | None) -> Array:
        """The |error| to expect of other rows."""
        from threadpoolctl import threadpool_limits

        asked = predicted[:, None]
        if self.views is not None:
            given = views if views is not None else self.views.clear(len(predicted))
            asked = np.column_stack([asked, encoded(given, self.views)])
        with threadpool_limits(1):
            return np.asarray(self.model.predict(asked), np.float64)
