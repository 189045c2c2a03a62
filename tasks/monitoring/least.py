"""The least shift of each column that a first window shows with a chance of 0.95, known before any has come."""

from __future__ import annotations

import numpy as np

from tasks.core.figures import percent
from tasks.core.records import Record
from tasks.monitoring.cells import MISSING, Floats
from tasks.monitoring.promise import LEAST_DAYS
from tasks.monitoring.reference import Reference
from tasks.monitoring.shares import rooted, unrooted
from tasks.monitoring.watching import Model, modelled

SURE = 2.1
"""Standard errors above the limit: 0.95 and a little, for the standard error is an estimate too."""
FINE = np.arange(0.01, 4, 0.005)


class Least(Record):
    """Of one column: the least shift, in sd of its normal scores or as a share of the rows, and the same in words;
    None where nothing can be said (no days) or seen (constant)."""

    column: str
    shift: float | None
    words: str


def least_detectable(
    reference: Reference, n_rows: float, false_alarms: float = 1.0, *, per_year: float = 365
) -> tuple[Least, ...]:
    """What windows of so many rows show of each column, in the columns' order."""
    model = modelled(reference, n_rows, false_alarms, per_year)
    names = reference.cells.names
    if model.n_days < LEAST_DAYS:
        return tuple(Least(column=name, shift=None, words="unknown: no days to compare") for name in names)
    return tuple(_least(model, column, name, n_rows) for column, name in enumerate(names))


def _least(model: Model, column: int, name: str, n_rows: float) -> Least:
    from scipy.special import stdtrit

    places = [i for i, s in enumerate(model.layout.statistics) if s.column == column and s.what in ("mean", "share")]
    if not places:
        return Least(column=name, shift=None, words="nothing: constant, or too few rows")
    chosen = np.array(places)
    spread = model.expected.spread(np.full(len(model.alpha), n_rows))[chosen]
    limit = -stdtrit(model.expected.freedom[chosen], model.alpha[chosen] / 2) * spread
    if column < model.layout.cells.n_numbers:
        needed = max(float(limit[0]), 0.1) + SURE * float(spread[0])
        shift = _shift(model.layout.cells.shares[column], model.layout.cells.scores[column], needed)
        words = f"{shift:.2f} sd" if np.isfinite(shift) else "no shift"
    else:
        center = model.expected.mean[chosen] + model.expected.weekday[:, chosen]
        start = unrooted(center)
        least = rooted(np.minimum(start + 0.02, 1) * n_rows, np.full(start.shape, n_rows)) - center
        needed = np.maximum(limit, least) + SURE * spread
        grown = _grown(center, needed)
        if len(chosen) == 1:  # of two levels the other one grows as this one falls
            grown = np.fmax(grown, _grown(np.pi - center, needed))
        # A level in a pool takes from the rest of the pool as from all others, which the pool's share does not show.
        pooled = np.array([len(group) > 1 for s, group in model.layout.levels if s.column == column])
        grown = np.where(pooled, grown / np.maximum(1 - start, 1e-9), grown)
        possible = grown[grown <= 1]
        shift = float(possible.max()) if possible.size else float("inf")
        words = f"{percent(shift).removesuffix(' %')} points of a level's share" if np.isfinite(shift) else "no share"
    return Least(column=name, shift=shift if np.isfinite(shift) else None, words=words)


def _grown(center: Floats, needed: Floats) -> Floats:
    """By how much a share grows whose root grows by so much; NaN where it cannot."""
    reached = center + needed
    return np.where(reached < np.pi, unrooted(reached) - unrooted(center), np.nan)


def _shift(shares: Floats, scores: Floats, needed: float) -> float:
    """The shift, in sd of a normal value cut into these cells, that moves the mean score by so much."""
    from scipy.special import ndtr, ndtri

    bounds = ndtri(np.clip(np.cumsum(shares[:MISSING]), 0, 1))
    moved = ndtr(np.maximum(bounds, -40)[None] - FINE[:, None])
    means = np.diff(moved, axis=1, prepend=0) @ scores[:MISSING] + (1 - moved[:, -1]) * scores[:MISSING].max()
    means -= shares[:MISSING] @ scores[:MISSING]
    reached = means >= needed
    return float(FINE[reached.argmax()]) if reached.any() else float("inf")
