"""When rows come: by weekday, by hour, and after which pauses."""

from __future__ import annotations

import numpy as np
import polars as pl

from tasks.core.records import Record

FEWEST_DAYS = 14
"""Below nothing is said of how many rows a day has."""


class Timing(Record):
    """When the reference rows came. `by_weekday` is the median day's rows, Monday first, of those that had any.

    `spread` is how far days were from it, in natural logarithms; `lowest` is the least share of it on any day.
    """

    n_days: int
    first: float
    last: float
    """Seconds since 1970."""
    by_weekday: tuple[float, ...]
    spread: float
    lowest: float
    by_hour: tuple[float, ...]
    """The share of the rows in each hour of the day (UTC)."""
    longest_pause: float
    """Seconds between two rows."""

    @classmethod
    def of(cls, moments: pl.Series) -> Timing | None:
        """None without a single moment."""
        found = moments.cast(pl.Datetime("us")).drop_nulls().sort()
        if not len(found):
            return None
        days = pl.DataFrame({"day": found.dt.date()}).group_by("day").len().sort("day")
        inner = days[1:-1] if days.height > 2 else days  # the first and the last day may be parts
        usual = np.array(
            [_median(inner.filter(pl.col("day").dt.weekday() == weekday)["len"]) for weekday in range(1, 8)]
        )
        shares = (inner["len"].to_numpy() / usual[inner["day"].dt.weekday().to_numpy() - 1]).astype(np.float64)
        hours = np.bincount(found.dt.hour().to_numpy(), minlength=24) / len(found)
        seconds = found.dt.epoch("us").to_numpy() / 1e6
        logs = np.log(shares)
        return cls(
            n_days=days.height,
            first=float(seconds[0]),
            last=float(seconds[-1]),
            by_weekday=tuple(usual.tolist()),
            spread=float(1.4826 * np.median(np.abs(logs - np.median(logs)))),
            lowest=float(shares.min()),
            by_hour=tuple(round(float(share), 5) for share in hours),
            longest_pause=float(np.diff(seconds).max()) if len(seconds) > 1 else 0.0,
        )


def _median(counts: pl.Series) -> float:
    return float(np.median(counts.to_numpy())) if len(counts) else 0.0
