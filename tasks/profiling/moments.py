"""Mean, variance, kurtosis and extremes of numbers that stream by, merged block by block without a second look.

The central moments of two blocks are merged as in Pébay, "Formulas for robust, one-pass parallel computation of
covariances and arbitrary-order statistical moments" (Sandia report 2008-6212); sums of powers would lose all digits
of columns such as moments in seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass
class Moments:
    """What is known of the numbers so far; `n_low` and `n_high` of them are the least and the greatest."""

    n: int = 0
    mean: float = 0.0
    m2: float = 0.0
    m3: float = 0.0
    m4: float = 0.0
    low: float = math.inf
    high: float = -math.inf
    n_low: int = 0
    n_high: int = 0
    whole: bool = True

    def add(self, values: NDArray[np.float64]) -> None:
        """Take a block of finite numbers into account."""
        import numpy as np

        if not len(values):
            return
        low, high = float(values.min()), float(values.max())
        self.n_low = int((values == low).sum()) + self.n_low * (low == self.low) if low <= self.low else self.n_low
        self.n_high = (
            int((values == high).sum()) + self.n_high * (high == self.high) if high >= self.high else self.n_high
        )
        self.low, self.high = min(low, self.low), max(high, self.high)
        self.whole = self.whole and bool((values == np.rint(values)).all())
        mean = float(values.mean())
        apart = values - mean
        square = apart * apart
        n, m2, m3, m4 = len(values), float(square.sum()), float((square * apart).sum()), float((square * square).sum())
        both, delta = self.n + n, mean - self.mean
        step = delta / both
        across = delta * step * self.n * n
        self.m4 += m4 + across * step * step * (self.n**2 - self.n * n + n**2)
        self.m4 += 6 * step * step * (self.n**2 * m2 + n**2 * self.m2) + 4 * step * (self.n * m3 - n * self.m3)
        self.m3 += m3 + across * step * (self.n - n) + 3 * step * (self.n * m2 - n * self.m2)
        self.m2 += m2 + across
        self.mean += n * step
        self.n = both

    @property
    def deviation(self) -> float:
        """The standard deviation of a sample, as Great Expectations computes it."""
        return math.sqrt(self.m2 / (self.n - 1)) if self.n > 1 and self.m2 > 0 else 0.0

    @property
    def kurtosis(self) -> float:
        return self.n * self.m4 / self.m2**2 if self.m2 > 0 else 0.0
