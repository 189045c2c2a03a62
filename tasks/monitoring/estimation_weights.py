"""How far the inputs of a window have moved from those of held-out rows, and what weights bring the one to the other.

The weights are the odds of a classifier that tells window from held-out rows, each row judged by a classifier that has
not seen it (Sugiyama et al., Density Ratio Estimation in Machine Learning, 2012, chapter 4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from tasks.core.weighted import Array

FOLDS = 5
SEEN = 0.56
"""The classifier's area under the curve from which the inputs have moved: below, weights would only add noise."""
MARGIN = 0.1
"""In the held-out rows' range: so much further out is still near."""
LARGEST = 20.0
MOST_LEVELS = 200


@dataclass(frozen=True)
class Shift:
    """`weights` of the held-out rows (mean 1), their `effective` share, and the share of rows `beyond` all of these."""

    weights: Array
    effective: float
    auc: float
    beyond: float
    where: str

    @property
    def is_seen(self) -> bool:
        return self.auc > SEEN


def shift(held_out: pl.DataFrame | None, window: pl.DataFrame | None, seed: int) -> Shift | None:
    """How far the window has moved; None where the views of either are not there."""
    if held_out is None or window is None or not held_out.width or len(held_out) < 20 or len(window) < 20:
        return None
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold
    from threadpoolctl import threadpool_limits

    known, asked = encoded(held_out, held_out), encoded(window, held_out)
    x, is_asked = np.vstack([known, asked]), np.r_[np.zeros(len(known)), np.ones(len(asked))]
    share = np.empty(len(x))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    with threadpool_limits(1):  # several threads wait for each other longer than such small fits take
        for fit, judged in folds.split(x, is_asked):
            model = HistGradientBoostingClassifier(
                max_iter=60, learning_rate=0.08, max_leaf_nodes=6, min_samples_leaf=20, l2_regularization=5.0,
                random_state=seed,
            )  # fmt: skip
            share[judged] = model.fit(x[fit], is_asked[fit]).predict_proba(x[judged])[:, 1]
    odds = share[: len(known)] / (1 - share[: len(known)])
    weights = np.minimum(odds / odds.mean(), LARGEST)
    weights = weights / weights.mean()
    beyond, where = _beyond(held_out, window)
    effective = float(1 / np.mean(weights**2))
    return Shift(weights, effective, float(roc_auc_score(is_asked, share)), beyond, where)


def encoded(rows: pl.DataFrame, known: pl.DataFrame) -> Array:
    """Views as a matrix: categories as places among the known levels, commonest first; missing as NaN."""
    columns: list[Array] = []
    for name in known.columns:
        values = rows[name]
        if values.dtype == pl.String:
            levels = known[name].drop_nulls().value_counts(sort=True)[name].head(MOST_LEVELS).to_list()
            places = {level: place for place, level in enumerate(levels)}
            values = values.replace_strict(places, default=None, return_dtype=pl.Float64)
        columns.append(values.cast(pl.Float64).fill_null(float("nan")).to_numpy())
    return np.column_stack(columns)


def _beyond(known: pl.DataFrame, asked: pl.DataFrame) -> tuple[float, str]:
    """The share of rows with a value beyond those of the held-out rows, and where most of them are."""
    masks: dict[str, pl.Series] = {}
    for name in known.columns:
        values, were = asked[name], known[name].drop_nulls()
        if not len(were):
            continue
        if values.dtype == pl.String:
            # In a column of many rare levels new ones come every day.
            rare = (were.value_counts()["count"] == 1).sum() / len(were)
            masks[name] = (
                ~values.is_in(were.unique().implode()) & values.is_not_null() & (rare < MARGIN / 10)
            ).fill_null(False)
        else:
            low, high = float(were.min()), float(were.max())  # type: ignore[arg-type]
            room = MARGIN * (high - low)
            masks[name] = ((values < low - room) | (values > high + room)).fill_null(False)
    if not masks:
        return 0.0, ""
    worst = max(masks, key=lambda name: int(masks[name].sum()))
    every = pl.DataFrame(masks).select(pl.any_horizontal(pl.all())).to_series()
    return float(every.mean() or 0.0), worst  # type: ignore[arg-type]
