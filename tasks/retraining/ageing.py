"""How a model ages: what each window of age costs, and from it the cadence at which training is worth its price.

One rule for a live training and for the replay. Models that are as old as a champion will become are judged on the
newest rows, each beside the youngest one: the loss that age adds is what a training would have saved.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from tasks.core.age_curve import AgeCurve, Aged
from tasks.retraining.correction import Floats

Moments = npt.NDArray[np.datetime64]

COST = 0.1
"""Of a training, as a share of one window's loss: what the gains that ask for it are summed up to as well."""
SHORTEST, LONGEST = 2.0, 8.0
AGES = (8, 4, 2, 1)
"""Windows before the judged rows at which the models end that are compared with the youngest: ages that a champion is
kept to. On three streams their cadence cost less than that of models which end at half to four fifths of the rows."""
MOST_AGES = 3
"""The oldest that there are: the line through the youngest model's loss goes by them."""
JUDGED, MOST_JUDGED = 2, 8
"""Newest windows that judge, more where they have fewer rows than `FEWEST_JUDGED`. Of 2, 4 and 8 two were the best."""
FEWEST_JUDGED = 100
FEWEST_KNOWN = 100
LEAST_KNOWN = 0.5
"""Of the youngest model's rows: with fewer, a model is worse for that alone."""
FEWEST_BLOCKS, MOST_BLOCKS, ROWS_IN_BLOCK = 2, 12, 50
LEAST_LOSS = 0.1
"""Of the youngest model's mean loss, that a block is taken to have: one of which it is sure would outweigh the rest."""


@dataclass(frozen=True)
class Cuts:
    """The rows after `begin` judge; the models, the oldest first, know those up to `until`, `ages` windows before."""

    begin: np.datetime64
    until: tuple[np.datetime64, ...]
    ages: tuple[int, ...]

    def known(self, moments: Moments) -> list[int]:
        """How many of the rows, sorted by `moments`, each of the models knows."""
        return [_n_until(moments, each) for each in self.until]

    def judged(self, moments: Moments) -> slice:
        """Which of the sorted rows judge."""
        return slice(_n_until(moments, self.begin), len(moments))


def cuts(known: Moments, judging: Moments, every: timedelta, gap: timedelta = timedelta(0)) -> Cuts | str:
    """Where models are cut that learn from the rows of `known` and are judged by those of `judging`, both sorted.

    The outcome of a row is known `gap` after it. A sentence where the history is too short.
    """
    if not len(judging) or not len(known):
        return "no row has a moment"
    span, late = np.timedelta64(every), np.timedelta64(gap)
    begins = [judging[-1] - n_windows * span for n_windows in range(JUDGED, MOST_JUDGED + 1)]
    n_judged = [len(judging) - _n_until(judging, each) for each in begins]
    enough = [begin for begin, n_rows in zip(begins, n_judged, strict=True) if n_rows >= FEWEST_JUDGED]
    if not enough:
        return f"{n_judged[-1]} rows of the newest {MOST_JUDGED} windows can judge, and {FEWEST_JUDGED} are needed"
    begin = enough[0]
    youngest = _n_until(known, begin - late)
    until, ages, before = [begin - late], [0], youngest
    for age in reversed(AGES):
        end = begin - late - age * span
        n_known = _n_until(known, end)
        if max(FEWEST_KNOWN, LEAST_KNOWN * youngest) <= n_known < before:
            until, ages, before = [end, *until], [age, *ages], n_known
    until, ages = [*until[:-1][:MOST_AGES], until[-1]], [*ages[:-1][:MOST_AGES], 0]
    if len(ages) == 1:
        return (
            f"its history is too short: of {youngest:,} rows before the newest windows, models of any age know too few"
        )
    return Cuts(begin, tuple(until), tuple(ages))


def measured(cut: Cuts, losses: Sequence[Floats]) -> AgeCurve:
    """The curve by the losses of each of the models, the oldest first, on the rows that judge, in the order of time."""
    n_blocks = int(np.clip(len(losses[0]) // ROWS_IN_BLOCK, FEWEST_BLOCKS, MOST_BLOCKS))
    table = np.array([[part.mean() for part in np.array_split(each, n_blocks)] for each in losses])
    slopes = [age_curve(compared(block[:, None], cut.ages)).per_window for block in table.T]
    error = float(np.std(slopes, ddof=1) / math.sqrt(n_blocks))
    return age_curve(compared(table, cut.ages)).model_copy(update={"error": error})


def age_curve(points: Sequence[Aged], cost: float = COST) -> AgeCurve:
    """The line through the youngest model's loss that fits the others best (least squares), and its cadence."""
    ages = np.array([each.age for each in points])
    above = np.array([each.relative_loss - 1 for each in points])
    squares = float((ages**2).sum())
    per_window = float((ages * above).sum() / squares) if squares else 0.0
    return AgeCurve(points=tuple(points), per_window=per_window, cadence=cadence(per_window, cost))


def cadence(per_window: float, cost: float = COST) -> float:
    """How many windows a model is worth keeping that loses so much, relatively, in each."""
    if per_window <= 0:
        return LONGEST
    return float(np.clip(math.sqrt(2 * cost / per_window), SHORTEST, LONGEST))


def compared(losses: Sequence[Sequence[float]] | Floats, ages: Sequence[float]) -> list[Aged]:
    """Points of the curve: `losses` of models, the oldest first, on blocks of rows that all of them can be judged on.

    `ages` are theirs in windows when the blocks begin; each block is compared with the youngest model within itself,
    so that a block which is hard for all says nothing of age.
    """
    table, at = np.asarray(losses, dtype=float), np.asarray(ages, dtype=float)
    youngest = np.maximum(table[-1], LEAST_LOSS * table[-1].mean())
    above = ((table - table[-1]) / np.where(youngest > 0, youngest, 1.0)).mean(axis=1)
    return [
        Aged(age=float(age - at[-1]), relative_loss=float(1 + more))
        for age, more in zip(at[:-1], above[:-1], strict=True)
    ]


def in_windows(curve: AgeCurve, were: timedelta, are: timedelta) -> AgeCurve:
    """The curve in windows of another length."""
    ratio = are / were
    error = None if curve.error is None else curve.error * ratio
    points = tuple(each.model_copy(update={"age": each.age / ratio}) for each in curve.points)
    per_window = curve.per_window * ratio
    return AgeCurve(points=points, per_window=per_window, cadence=cadence(per_window), error=error)


def _n_until(moments: Moments, when: np.datetime64) -> int:
    return int(np.searchsorted(moments, when, side="right"))
