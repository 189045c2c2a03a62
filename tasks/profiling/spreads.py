"""How numbers lie, from all of them (`Moments`) and from some of them: their ends, and their shares between edges.

Beyond the outermost value the tail goes on as the excesses over a high threshold do: a generalised Pareto
distribution (Pickands, 1975) with the shape found by moments (Hosking and Wallis, 1987), kept between one that ends
soon and one without a variance, or a dozen rows would make a bound of anything.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tasks.profiling.figures import Spread, Tail

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tasks.profiling.moments import Moments

RARE = 0.01
"""How likely one fresh data set is to go beyond a limit, at each end: such rows are rejected one by one."""
TAIL = 0.05
"""The share of the rows that make a tail: far enough out, and of a few hundred rows still a dozen."""
LIGHTEST, HEAVIEST = -0.2, 0.5
N_REACHED = 14
"""With fourteen rows of the one beyond a value, fresh rows as many reach it too but once in 16,000 times (2^-14)."""
N_BINS = 10
STICKY, STICKY_SHARE = 20, 0.01
"""So many rows at one end, and this share of all: the end is a bound in itself (a cap, a lowest grade)."""


def spread(moments: Moments, some: NDArray[np.float64]) -> Spread | None:
    """The spread of a column whose numbers have these moments, of which `some` are at hand; None without numbers."""
    import numpy as np

    if not moments.n:
        return None
    ordered = np.sort(some)
    low = _tail(-ordered[::-1], -moments.low, moments.n_low, moments.n)
    edges, weights = _bins(ordered)
    return Spread(
        n=moments.n,
        n_weighed=len(some),
        mean=moments.mean,
        deviation=moments.deviation,
        kurtosis=moments.kurtosis,
        low=Tail(seen=-low.seen, n_rows=low.n_rows, reached=-low.reached, limit=-low.limit),
        high=_tail(ordered, moments.high, moments.n_high, moments.n),
        whole=moments.whole,
        edges=edges,
        weights=weights,
    )


def _tail(ordered: NDArray[np.float64], seen: float, n_rows: int, n: int) -> Tail:
    """The upper end of ascending numbers."""
    reached = float(ordered[-N_REACHED]) if len(ordered) >= 2 * N_REACHED else float(ordered[0])
    if n_rows >= max(STICKY, STICKY_SHARE * n):
        return Tail(seen=seen, n_rows=n_rows, reached=reached, limit=seen)
    k = min(len(ordered) - 1, max(10, math.ceil(TAIL * len(ordered))))
    if k < 1:
        return Tail(seen=seen, n_rows=n_rows, reached=reached, limit=seen)
    threshold = float(ordered[-k - 1])
    excess = ordered[-k:] - threshold
    mean = float(excess.mean())
    shape = _shape(excess, mean)
    # The outermost of k excesses lies at the quantile 1 - 1/k of the tail; fresh rows pass `limit` once in 1/RARE.
    beyond = _quantile(mean * (1 - shape), shape, k / RARE * max(1.0, n / len(ordered)))
    return Tail(seen=seen, n_rows=n_rows, reached=reached, limit=max(seen, threshold + beyond))


def _shape(excess: NDArray[np.float64], mean: float) -> float:
    """Of a generalised Pareto distribution with these excesses: mean² / variance = 1 - 2 shape; its error on top."""
    variance = float(excess.var())
    if not variance > 0:
        return 0.0
    return min(HEAVIEST, max(LIGHTEST, (1 - mean * mean / variance) / 2 + 1 / math.sqrt(len(excess))))


def _quantile(scale: float, shape: float, once_in: float) -> float:
    return scale * (once_in**shape - 1) / shape if abs(shape) > 1e-6 else scale * math.log(once_in)


def _bins(ordered: NDArray[np.float64]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Inner edges that cut the numbers into about ten bins as even as ties permit, and the bins' shares."""
    import numpy as np

    inner = np.unique(np.quantile(ordered, np.arange(1, N_BINS) / N_BINS, method="inverted_cdf"))
    places = [int(place) for place in np.searchsorted(ordered, inner, side="left") if place]
    if len(places) < 2:
        return (), ()
    # Between two values, so that nobody needs to know to which bin an edge belongs.
    edges = tuple(_between(float(ordered[place - 1]), float(ordered[place])) for place in places)
    counts = np.diff([0, *places, len(ordered)])
    return edges, tuple(float(count) / len(ordered) for count in counts)


def _between(low: float, high: float) -> float:
    """The shortest number that lies between the two."""
    middle = (low + high) / 2
    for digits in range(1, 17):
        if low < (short := float(f"{middle:.{digits}g}")) < high:
            return short
    return middle
