"""When rows come: by weekday, by hour, and after which pauses."""

from __future__ import annotations

from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from tasks.core.records import Record
from tasks.monitoring.cells import Ints

HOUR, DAY = 3_600, 86_400
THURSDAY = 3
"""The weekday of 1 January 1970, Monday being 0."""
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


class Arrivals:
    """When rows came, to the second: days of millions of rows stay small, and whole days are timed apart."""

    def __init__(self) -> None:
        self._days: dict[int, tuple[Ints, npt.NDArray[np.int32]]] = {}
        """By days since 1970: the rows of each hour, and the seconds of the day in which any came, in order."""

    @classmethod
    def of(cls, moments: pl.Series) -> Arrivals:
        """Of all of these."""
        found = cls()
        found.add(moments)
        return found

    def add(self, moments: pl.Series) -> None:
        """More moments, in any order; a missing one is none."""
        seconds = moments.cast(pl.Datetime("us")).drop_nulls().dt.epoch("us").to_numpy() // 1_000_000
        days = seconds // DAY
        for day in np.unique(days).tolist():
            inside = seconds[days == day] - day * DAY
            hours, came = np.bincount(inside // HOUR, minlength=24), np.unique(inside)
            if day in self._days:
                before = self._days[day]
                hours, came = before[0] + hours, np.union1d(before[1], came)
            self._days[day] = hours, came.astype(np.int32)

    def n_rows(self, day: date) -> int:
        """How many came on the day."""
        hours, _ = self._days.get(_number(day), (np.zeros(24), None))
        return int(hours.sum())

    def timing(self, since: date | None = None, until: date | None = None) -> Timing | None:
        """Of the days since <= day < until; None without a single row."""
        first, end = (each and _number(each) for each in (since, until))
        days = [day for day in sorted(self._days) if (first is None or day >= first) and (end is None or day < end)]
        if not days:
            return None
        hours = np.array([self._days[day][0] for day in days])
        inner = slice(1, -1) if len(days) > 2 else slice(None)  # the first and the last day may be parts
        rows, weekdays = hours.sum(axis=1)[inner], (np.array(days)[inner] + THURSDAY) % 7
        usual = [_median(rows[weekdays == weekday]) for weekday in range(7)]
        shares = rows / np.array(usual)[weekdays]
        logs = np.log(shares)
        seconds = np.concatenate([day * DAY + self._days[day][1].astype(np.int64) for day in days])
        return Timing(
            n_days=len(days),
            first=float(seconds[0]),
            last=float(seconds[-1]),
            by_weekday=tuple(usual),
            spread=float(1.4826 * np.median(np.abs(logs - np.median(logs)))),
            lowest=float(shares.min()),
            by_hour=tuple(round(float(share), 5) for share in hours.sum(axis=0) / hours.sum()),
            longest_pause=float(np.diff(seconds).max()) if len(seconds) > 1 else 0.0,
        )


def _number(day: date) -> int:
    return (day - date(1970, 1, 1)).days


def _median(counts: Ints) -> float:
    return float(np.median(counts)) if len(counts) else 0.0
