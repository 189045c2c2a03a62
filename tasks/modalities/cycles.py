"""The place of a moment in the year, the week and the day: what days since 1970 hide from every model.

A place is 0 where the cycle begins and nears 1 where it ends: trees split it as it is, learners of smooth functions
get it as waves. It is computed from the days within the model, so that one row and many, training and the exported
file cannot differ. All in UTC; the year is the calendar's mean one, at most a day off.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from tasks.core.records import Cycle

if TYPE_CHECKING:
    import polars as pl

YEAR, WEEK, DAY = 365.2425, 7.0, 1.0
FIRST_MONDAY = 4.0
"""1970-01-05."""
REACH: dict[Cycle, float] = {"year": 2 * YEAR, "week": 4 * WEEK, "day": 4 * DAY}
"""Days that must be covered. Of a season that was there once nobody knows whether it comes again, and three weeks of
flights made a linear model of the next week worse."""
HARMONICS = 3
"""Waves of a whole, a half and a third of the cycle: as many as tell seven days of the week apart."""


def year(days: Any) -> Any:
    """The place in the year, of days since 1970."""
    return _place(days, YEAR)


def week(days: Any) -> Any:
    """The place in the week, which begins on Monday."""
    return _place(days - FIRST_MONDAY, WEEK)


def day(days: Any) -> Any:
    """The place in the day, which begins at midnight in UTC."""
    return _place(days, DAY)


PLACES = {"year": year, "week": week, "day": day}


def waves(places: Any) -> Any:
    """Sines and cosines of places, 0 where a place is missing: (n, 2 x HARMONICS x columns)."""
    import numpy as np

    n_rows, n_columns = places.shape
    angles = places * (2 * np.pi)
    found = np.empty((n_rows, 2 * HARMONICS * n_columns))
    every = [(times, wave) for times in range(1, HARMONICS + 1) for wave in (np.sin, np.cos)]
    for number, (times, wave) in enumerate(every):
        wave(angles * float(times), out=found[:, number * n_columns : (number + 1) * n_columns])
    found[np.tile(np.isnan(angles), 2 * HARMONICS)] = 0.0
    return found


def wave_names(transformer: Any, names: Any) -> Any:
    """The names of the columns of `waves`."""
    import numpy as np

    of = [f"{wave} {times}" for times in range(1, HARMONICS + 1) for wave in ("sine", "cosine")]
    return np.array([f"{name} ({each})" for each in of for name in names], dtype=object)


def cycles_of(values: pl.Series) -> tuple[Cycle, ...]:
    """The cycles that the training rows cover often enough to be known; the day only where there are times of day."""
    import polars as pl

    moments = values.cast(pl.Datetime("us")).drop_nulls()
    if len(moments) == 0:
        return ()
    first, last = cast("datetime", moments.min()), cast("datetime", moments.max())
    reach = (last - first) / timedelta(days=1)
    has_times = (moments.dt.truncate("1d") != moments).any()
    return tuple(name for name, least in REACH.items() if reach > least and (name != "day" or has_times))


def _place(days: Any, length: float) -> Any:
    import numpy as np

    turns = days / length
    return turns - np.floor(turns)
