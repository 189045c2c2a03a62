"""Clocks of time zones: what the wall shows when it is a given moment in UTC.

The rules are those that polars brings, for both backends: Python's come from the machine, and differ from them in a
hundred zones before 1970 and after each change of law. A zone is asked once for its changes (some 10 ms); a row then
takes one bisection.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import polars as pl

_FIRST, _LAST = datetime(1835, 1, 1), datetime(2200, 1, 1)  # noqa: DTZ001
"""No zone has a change outside of these years in polars' tables."""
_ZERO = datetime(1970, 1, 1)  # noqa: DTZ001
_YEARS = datetime(1, 1, 1), datetime.max  # noqa: DTZ001, DTZ901


def local_polars(moment: pl.Expr, zone: str) -> pl.Expr:
    """The zone's clock; missing outside of the years 1 to 9999, which no row can say."""
    from tasks.core.functions.function import let

    return let([_clock(moment, zone)], _sayable)


def local_python(zone: str) -> Callable[[datetime], datetime]:
    """A function from a moment in UTC to the zone's clock. OverflowError outside of the years 1 to 9999."""
    changes, offsets = _changes(zone)
    return lambda moment: moment + offsets[bisect_right(changes, moment)]


def require_zone(name: str) -> None:
    """ValueError when polars knows no such time zone."""
    import polars as pl

    try:
        pl.select(_clock(pl.lit(_ZERO), name))
    except pl.exceptions.PolarsError as exc:
        raise ValueError(f"there is no time zone {name[:40]!r}; one is called 'Europe/Berlin' or 'UTC'") from exc


def _clock(moment: pl.Expr, zone: str) -> pl.Expr:
    return moment.dt.replace_time_zone("UTC").dt.convert_time_zone(zone).dt.replace_time_zone(None)


def _sayable(moment: pl.Expr) -> pl.Expr:
    import polars as pl

    return pl.when(moment.is_between(*_YEARS)).then(moment)


@lru_cache(maxsize=64)
def _changes(zone: str) -> tuple[list[datetime], list[timedelta]]:
    """The moments (UTC) from which on the zone's offset is another, and the offsets before, between and after them."""
    import polars as pl

    def offsets(microseconds: pl.Series) -> pl.Series:
        moment = pl.col("moment").cast(pl.Datetime("us"))
        return pl.DataFrame({"moment": microseconds}).select(_clock(moment, zone) - moment).to_series()

    days = pl.datetime_range(_FIRST, _LAST, "1d", time_unit="us", eager=True).cast(pl.Int64)
    found = offsets(days)
    changed = (found != found.shift(1)).fill_null(False).arg_true()
    low, high, before = days.gather(changed - 1), days.gather(changed), found.gather(changed - 1)
    for _ in range(17):  # A day has fewer seconds than 2 ** 17.
        middle = (low + high) // 2_000_000 * 1_000_000
        is_late = offsets(middle) != before
        low, high = middle.zip_with(~is_late, low), middle.zip_with(is_late, high)
    moments = cast("list[datetime]", high.cast(pl.Datetime("us")).to_list())
    return moments, [found[0], *found.gather(changed).to_list()]
