"""How a model ages: what each window of age costs, and from it the cadence at which training is worth its price."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tasks.core.records import Record

COST = 0.1
"""Of a training, as a share of one window's loss: what the gains that ask for it are summed up to as well."""
SHORTEST, LONGEST = 2.0, 8.0
CUTS = (0.5, 0.6, 0.7, 0.8)
"""Where in the first training's rows the four models end whose ages are compared."""


class Aged(Record):
    """The loss of a model at an age of so many windows, relative to that of the youngest model on the same rows."""

    age: float
    relative_loss: float


class AgeCurve(Record):
    """What was measured, the relative loss that each window of age adds, and the cadence that follows.

    `cadence` is how many windows a model is worth keeping: sqrt(2 c / b), where loss grows by b a window and a training
    costs c, between 2 and 8. A model that does not age is worth the most.
    """

    points: tuple[Aged, ...]
    per_window: float
    cadence: float


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


def compared(losses: Sequence[Sequence[float]], ages: Sequence[float]) -> list[Aged]:
    """Points of the curve: `losses` of models, the oldest first, on blocks of rows that all of them can be judged on.

    `ages` are theirs in windows when the blocks begin; each block is compared with the youngest model within itself,
    so that a block which is hard for all says nothing of age.
    """
    table, at = np.asarray(losses, dtype=float), np.asarray(ages, dtype=float)
    youngest = np.where(table[-1] > 0, table[-1], 1.0)
    relative = (table / youngest).mean(axis=1)
    return [
        Aged(age=float(age - at[-1]), relative_loss=float(loss))
        for age, loss in zip(at[:-1], relative[:-1], strict=True)
    ]
