"""Counts of what is rare (missing values, values outside the reference's range, new levels), tested exactly.

A window's count is negative binomial: Poisson, widened by what the reference's days vary more than that, and by how
little the reference itself has seen. One-sided: fewer missing values are no alarm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tasks.monitoring.cells import MISSING, NEW, WIDTH, Floats, Ints
from tasks.monitoring.series import Layout

Odd = Literal["missing", "outside"]


@dataclass(frozen=True, eq=False)
class Counted:
    """One counted thing of a column: the share of rows expected, and the size of the negative binomial."""

    what: Odd
    column: int
    share: float
    size: float

    def p(self, count: Floats, rows: Floats) -> Floats:
        """The chance of so many or more among the rows."""
        from scipy.special import betainc

        mean = self.share * np.maximum(rows, 1)
        some = np.maximum(count, 1)
        chance = betainc(some, self.size, mean / (mean + self.size))
        return np.where(count > 0, chance, 1.0)

    def limit(self, alpha: float, rows: float) -> float:
        """The least count with a chance below alpha."""
        count = np.arange(1, int(rows) + 1, max(1, int(rows) // 20_000), dtype=np.float64)
        below = self.p(count, np.full(len(count), rows)) < alpha
        return float(count[int(below.argmax())]) if below.any() else float("inf")


def counts(layout: Layout, summaries: Floats, counted: list[Counted]) -> Floats:
    """Windows x counted things."""
    found = [_count(layout, summaries, each.what, each.column) for each in counted]
    return np.column_stack(found) if found else np.zeros((len(summaries), 0))


def learnt_counts(layout: Layout, summaries: Floats) -> list[Counted]:
    """What is counted of each column, learnt from all rows and from the days of the reference."""
    found: list[Counted] = []
    lacking: set[int] = set(layout.lacking.tolist())
    rows = float(layout.total[0])
    for column in range(len(layout.cells.names)):
        for what in ("missing", "outside"):
            if what == "missing" and column in lacking:
                continue
            seen = float(_count(layout, layout.total[None], what, column)[0])
            daily = _count(layout, summaries, what, column)
            share = (seen + 0.5) / max(rows, 1)
            wide = _extra(daily, summaries[:, 0]) + 1 / (seen + 0.5)
            found.append(Counted(what, column, share, 1 / wide))
    return found


def _extra(count: Floats, rows: Floats) -> float:
    """By how much the daily counts vary more than Poisson's, relative to their squared mean; an estimate of what only
    a few events show would be noise, and is 0."""
    if len(count) < 14 or count.sum() < 10:
        return 0.0
    mean = count.sum() * rows / max(rows.sum(), 1)
    return float(max(((count - mean) ** 2 - mean).sum() / max((mean**2).sum(), 1e-9), 0.0))


def _count(layout: Layout, summaries: Floats, what: Odd, column: int) -> Floats:
    if what == "missing":
        return summaries[:, 0] - summaries[:, layout.parts["present"]][:, column]
    kept = layout.cells.kept
    counted = summaries[:, layout.parts["counts"]]
    return counted[:, _outside(kept, column, column < layout.cells.n_numbers)].sum(axis=1)


def _outside(kept: Ints, column: int, number: bool) -> Ints:
    local = kept % WIDTH
    odd = (local != MISSING) if number else (local == NEW)
    return np.flatnonzero((kept // WIDTH == column) & odd)
