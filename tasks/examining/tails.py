"""How far the values of a column may reach before they are called outliers, whatever its skew and tails are.

Each side of the median is described by its letter values (the quantiles at 1/4, 1/8, …): on the normal scale their
distances grow by z exp(h z² / 2), where h > 0 means a heavier tail than the normal one (Tukey's g-and-h, Hoaglin 1985;
for outliers: Bruffaerts, Verardi and Vermandele, A generalized boxplot for skewed and heavy-tailed distributions,
2014).
A column that is more even in its logarithms is judged in these, so a log-normal one has no outliers, and a value a
hundred times too large is one. Boxplot rules with a fixed reach call a share of the rows outliers, however many
they are; this reach grows with the rows, such that a clean column has an outlier in one case of a thousand.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LEAST_VALUES = 50
"""With fewer nobody knows the tails."""
LEAST_DIFFERENT = 10
"""A column of fewer values is a scale or a code, and all of its values are meant."""
CHANCE = 1e-3
"""How many outliers a clean column has on a side, on average."""
DEEPEST = 6
"""The last letter value is that at 1/64: up to one row in a hundred may be wrong without being taken for the tail."""
LEAST_BEYOND = 6
"""So many values must lie beyond a letter value that is used."""
LEAST_ATOM = 0.2
"""A single value of more than this share of the rows, such as 0, is set aside: the others are judged by themselves."""


@dataclass(frozen=True)
class Reach:
    """From where to where values are like the others; the rest of a column is between `low` and `high`."""

    low: float
    high: float
    atom: float | None = None
    """A value that very many rows have, and which was set aside; it may lie anywhere."""

    def beyond(self, values: Floats) -> npt.NDArray[np.bool_]:
        """Which values are outliers; missing ones are none."""
        outside = (values < self.low) | (values > self.high)
        return outside if self.atom is None else outside & (values != self.atom)


def reach(values: Floats, n_rows: int, chance: float = CHANCE, deepest: int = DEEPEST) -> Reach | None:
    """The reach of finite `values`, an even sample of `n_rows`; None where there are too few to say.

    `chance` is how many clean values lie beyond it on a side on average, `deepest` the last letter value's number.
    """
    some, atom = _without_atom(np.sort(values))
    if len(some) < LEAST_VALUES or int((np.diff(some) > 0).sum()) + 1 < LEAST_DIFFERENT:
        return None
    logarithmic = bool(some[0] > 0) and abs(_skewness(np.log(some))) < abs(_skewness(some))
    scaled = np.log(some) if logarithmic else some
    middle = float(np.median(scaled))
    beyond = NormalDist().inv_cdf(1 - chance / max(n_rows, len(values)))
    low = middle - _side(middle - scaled[::-1], beyond, deepest)
    high = middle + _side(scaled - middle, beyond, deepest)
    if logarithmic:
        with np.errstate(over="ignore"):
            low, high = float(np.exp(low)), float(np.exp(high))
    return None if np.isnan(low) or np.isnan(high) else Reach(low, high, atom)


def _without_atom(ordered: Floats) -> tuple[Floats, float | None]:
    """The values without the one that a large part of the rows has, and that one."""
    if not len(ordered):
        return ordered, None
    starts = np.flatnonzero(np.append(True, np.diff(ordered) > 0))
    counts = np.diff(np.append(starts, len(ordered)))
    largest = int(np.argmax(counts))
    if counts[largest] <= LEAST_ATOM * len(ordered):
        return ordered, None
    rest = np.delete(ordered, slice(starts[largest], starts[largest] + counts[largest]))
    return rest, float(ordered[starts[largest]])


def _skewness(ordered: Floats) -> float:
    """Of the middle three quarters of the values (Hinkley, 1975): from -1 to 1, and no outlier can change it."""
    low, middle, high = np.quantile(ordered, (0.125, 0.5, 0.875))
    return float((high + low - 2 * middle) / (high - low)) if high > low else 0.0


def _side(distances: Floats, beyond: float, deepest: int) -> float:
    """How far one side reaches; `distances` from the median rise from the far side's to this side's."""
    letters = [2.0**-k for k in range(2, deepest + 1) if len(distances) >= LEAST_BEYOND * 2**k]
    z = np.array([NormalDist().inv_cdf(1 - p) for p in letters])
    far = np.quantile(distances, [1 - p for p in letters])
    there = far > 0
    if not there.any():
        return float("inf")
    weight, z, level = z[there] ** 2, z[there], np.log(far[there] / z[there])
    heavy = 0.0
    if there.sum() > 1:
        centred = z**2 / 2 - np.mean(z**2 / 2)
        heavy = max(0.0, float((centred * level).sum() / (centred**2).sum()))
    # The level is that of the outer letters, which the reach goes on from.
    start = float(np.average(level - heavy * z**2 / 2, weights=weight))
    with np.errstate(over="ignore"):
        return float(beyond * np.exp(start + heavy * beyond**2 / 2))
