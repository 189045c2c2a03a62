"""What goes wrong with a feed in time: it stops, it brings half, or its clock is off."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import polars as pl

from tasks.core.predictions.moments import aware
from tasks.monitoring.incident_facts import ColumnFacts
from tasks.monitoring.incident_records import Incident, incident
from tasks.monitoring.incident_timing_facts import FEWEST_DAYS, Timing
from tasks.monitoring.incident_values import Floats, seconds

HOUR, DAY = 3_600.0, 86_400.0
FEW = 0.55
"""The share of a usual day's rows below which a day is looked at."""
SURE, SURER = 4.0, 5.0
"""Standard deviations for a window as a whole, and for each of its days, of which there are more."""
SILENCE, LONG_SILENCE = 1.5, 3.0
"""In the longest pause that the reference had."""
ROWS_OF_SILENCE = 10
"""Rows that should have come: with fewer, silence may be chance."""
SOME = 0.01


def feed_incidents(
    window: pl.DataFrame, time: str, timing: Timing, since: datetime, until: datetime
) -> Iterator[Incident]:
    """What is wrong with when the rows of since <= time < until came."""
    start, end = (aware(moment).timestamp() for moment in (since, until))
    found = seconds(window[time]).fill_null(float("nan")).to_numpy() if window.height else np.empty(0)
    off = pl.Series((found > end + HOUR) | (found < min(timing.first, start) - 366 * DAY))
    if off.sum() > 0 and off.mean() >= SOME:  # type: ignore[operator]
        told = f"{time} of {off.mean():.0%} of the rows is {_moment(found[off.to_numpy()][0])}: a clock is wrong"
        yield incident("wrong_clock", window, off, told, time)
        if off.mean() >= 0.1:  # type: ignore[operator]
            return  # how many rows came when is not known
    inside = found[(found >= start) & (found <= end)]
    newest = float(inside.max()) if len(inside) else start
    silent, lacking = end - newest, expected(timing, newest, end)
    long = silent > SILENCE * timing.longest_pause and lacking >= ROWS_OF_SILENCE
    if long or (timing.longest_pause > 0 and silent > LONG_SILENCE * timing.longest_pause and lacking >= 1):
        told = f"no row came since {_moment(newest)}, {silent / HOUR:.1f} hours, in which about {lacking:,.0f} were due"
        if len(found) and not len(inside):
            told = f"all rows are from {_moment(found.min())} to {_moment(found.max())}: old rows were sent again"
        yield incident("stale_feed", window, pl.Series([False] * window.height, dtype=pl.Boolean), told, share=1.0)
        end = newest
    yield from _half_empty(window, inside, timing, start, end)


def clock_incident(window: pl.DataFrame, facts: ColumnFacts, until: datetime | None) -> Incident | None:
    """A column of dates that are far from all that were seen: 1970, or years ahead."""
    if facts.type != "date" or not facts.quantiles or not window[facts.name].dtype.is_temporal():
        return None
    first, last = facts.quantiles[0], facts.quantiles[-1]
    found = seconds(window[facts.name])
    room = max(last - first, 366 * DAY)
    latest = max(last, aware(until).timestamp() if until else last)
    epoch = (found.abs() <= DAY) & pl.Series([first > DAY or last < -DAY]).gather([0] * len(found))
    off = ((found > latest + room) | (found < first - room) | epoch).fill_null(False)
    if off.sum() < max(1, SOME * len(found)):
        return None
    told = f"{facts.name} of {off.mean():.0%} of the rows is like {_moment(found.filter(off)[0])}: a clock is wrong"
    return incident("wrong_clock", window, off, told, facts.name)


def expected(timing: Timing, start: float, end: float) -> float:
    """How many rows come from one second to another, by the weekday and the hour."""
    total, at = 0.0, start
    while at < end:
        moment = datetime.fromtimestamp(at, UTC)
        stop = min((at // HOUR + 1) * HOUR, end)
        share = timing.by_hour[moment.hour] * (stop - at) / HOUR
        total += share * timing.by_weekday[moment.weekday()]
        at = stop
    return total


def _half_empty(window: pl.DataFrame, found: Floats, timing: Timing, start: float, end: float) -> Iterator[Incident]:
    """Days, or the window if it is shorter than one, with far fewer rows than such days had."""
    if timing.n_days < FEWEST_DAYS or end - start < HOUR:
        return
    days = [(at, *_counted(found, timing, at, stop)) for at, stop in _days(start, end)]
    total_came, total_due = sum(each[1] for each in days), sum(each[2] for each in days)
    if _is_low(total_came, total_due, timing.spread / min(len(days), 4) ** 0.5, FEW, SURE):
        low = days
    else:
        few = min(FEW, 0.8 * timing.lowest)
        low = [each for each in days if _is_low(each[1], each[2], timing.spread, few, SURER)]
    if low:
        day, came, due = low[0]
        others = f", and {len(low) - 1} more days" if len(low) > 1 else ""
        told = f"{came:,} rows on {_moment(day)[:10]} where about {due:,.0f} are usual{others}: a part is lacking"
        share = 1 - sum(row[1] for row in low) / sum(row[2] for row in low)
        yield incident(
            "half_empty_feed", window, pl.Series([False] * window.height, dtype=pl.Boolean), told, share=share
        )


def _days(start: float, end: float) -> Iterator[tuple[float, float]]:
    while start < end:
        stop = min((start // DAY + 1) * DAY, end)
        yield start, stop
        start = stop


def _counted(found: Floats, timing: Timing, start: float, end: float) -> tuple[int, float]:
    return int(((found >= start) & (found < end)).sum()), expected(timing, start, end)


def _is_low(came: int, due: float, spread: float, few: float, sure: float) -> bool:
    if due < ROWS_OF_SILENCE or came >= few * due:
        return False
    return float(np.log(max(came, 0.5) / due)) < -sure * (spread**2 + 1 / due) ** 0.5


def _moment(at: float) -> str:
    try:
        return f"{datetime.fromtimestamp(float(at), UTC):%Y-%m-%d %H:%M}"
    except (OverflowError, ValueError, OSError):
        return f"{at:g} seconds after 1970"
