"""How far fresh rows of the same kind may be from those that were seen: predictions for as many rows again.

Both samples err, the one that was looked at and the one to come; so a bound here is a prediction interval, and its
error is shared out over all claims of a table (Bonferroni): a suite as a whole is wrong once in `1 / ERROR` times.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

ERROR = 0.01
"""How likely fresh rows of the same kind break any figure of the table."""
CLAIMS_A_COLUMN = 8
TOLD = 0.05
"""The share of damaged rows from which a claim about a share must tell, or it would only lengthen the file."""
MOST_KURTOSIS = 50
"""Of heavier tails neither the mean nor the deviation of a sample tells anything of the next."""


@dataclass(frozen=True)
class Tolerance:
    """For the claims about a table: `error` is what each may be wrong."""

    error: float

    @classmethod
    def of(cls, n_columns: int) -> Tolerance:
        return cls(ERROR / (CLAIMS_A_COLUMN * max(n_columns, 1)))

    @property
    def sigmas(self) -> float:
        """How many standard errors a two-sided claim allows."""
        from scipy.special import ndtri

        return float(-ndtri(self.error / 2))

    def at_most(self, k: int, n: int) -> int:
        """Of n fresh rows at most so many will have what k of n had.

        The predictive distribution of a Poisson count whose rate is known by k alone, with Jeffreys' prior: a
        negative binomial; for common things the normal one, with the errors of both samples.
        """
        from scipy.stats import nbinom

        if k > n / 10:
            return min(n, math.ceil(k + self.sigmas * math.sqrt(2 * k * (1 - k / n))))
        return min(n, int(nbinom.ppf(1 - self.error, k + 0.5, 0.5)))

    def mostly(self, k: int, n: int) -> float:
        """The share of n fresh rows that will hold what all but k of n held, rounded down."""
        return max(0.0, math.floor(1000 * (1 - self.at_most(k, n) / n)) / 1000) if n else 0.0

    def unrepeated(self, k: int, n: int) -> float:
        """As `mostly`, of k rows that are repeated: they come in pairs at least, so there are half as many chances."""
        return max(0.0, math.floor(1000 * (1 - 2 * self.at_most((k + 1) // 2, n) / n)) / 1000) if n else 0.0

    def tells(self, k: int, n: int, share: float = 1.0) -> bool:
        """Whether a twentieth of n rows, of which this share gets what k of n had, would be too many."""
        return n >= 30 and k + share * TOLD * n > self.at_most(k, n) + 1

    def mean(self, deviation: float, kurtosis: float, n: int) -> float | None:
        """How far the mean of n fresh rows may be from that of n; None where it tells nothing."""
        if n < 30 or kurtosis > min(MOST_KURTOSIS, n / 5):
            return None
        # The rarer the extremes that make a mean, the further it is from normal.
        return self.sigmas * deviation * math.sqrt(2 / n) * (1 + math.sqrt(kurtosis / n))

    def deviation(self, deviation: float, kurtosis: float, n: int) -> float | None:
        """How far the standard deviation of n fresh rows may be from that of n; None where it tells nothing."""
        if n < 50 or kurtosis > min(MOST_KURTOSIS / 2, n / 20) or not deviation:
            return None
        error = math.sqrt(max(kurtosis - 1, 0.2) / (2 * n))
        share = self.sigmas * error * (1 + math.sqrt(kurtosis / n) * 2)
        return deviation * share if share < 0.5 else None

    def divergence(self, n_bins: int, n: int) -> float:
        """How far the shares of n fresh rows may be from those of n: the Kullback-Leibler divergence, in nats.

        2 n times the divergence follows a chi-squared distribution (Wilks, 1938), and twice that when both err.
        """
        from scipy.stats import chi2

        return float(chi2.isf(self.error, n_bins - 1)) / n


def outward(value: float, up: bool, digits: int = 3, whole: bool = False) -> float:
    """The value rounded away from the others to a few digits, as a person would write it."""
    if not math.isfinite(value) or value == 0:
        return 0.0
    turn = math.ceil if up else math.floor
    places = digits - 1 - math.floor(math.log10(abs(value)))
    if whole and places > 0:
        places = 0
    # 10 ** -3 is no float, so dividing by 1000 keeps 0.1 from becoming 0.10000000000000001.
    rounded = turn(value * 10**places) / 10**places if places >= 0 else turn(value / 10**-places) * 10**-places
    return float(rounded)
