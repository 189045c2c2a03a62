"""Dates: their parts, what lies between them, clocks of other zones, and dates that are written as texts."""

from __future__ import annotations

import calendar
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tasks.core.functions.formats import date_polars, date_python
from tasks.core.functions.function import Function, divided, let
from tasks.core.functions.zones import local_polars, local_python

if TYPE_CHECKING:
    import polars as pl

_DAY = 86_400_000_000.0
_UNITS = {"year": "1y", "quarter": "1q", "month": "1mo", "week": "1w", "day": "1d", "hour": "1h", "minute": "1m"}
UNITS = tuple(_UNITS)
"""What a date can be cut down to."""


def moment(text: str) -> datetime:
    """The moment that a constant says in ISO 8601, without a zone; ValueError when it says none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is not None:
        raise ValueError("a date is written here as '2024-01-31' or '2024-01-31 18:00'")
    return found


def _of_date(part: str, python: Callable[[datetime], float], example: str) -> Function:
    def polars(date: pl.Expr) -> pl.Expr:
        import polars as pl

        return getattr(date.dt, part)().cast(pl.Float64)

    return Function(("date",), "number", polars, python, example)


def _is(polars: Callable[[pl.Expr], pl.Expr], python: Callable[[datetime], bool], example: str) -> Function:
    return Function(("date",), "boolean", polars, python, example)


def _dayofyear(date: datetime) -> float:
    return float((date - datetime(date.year, 1, 1)).days + 1)  # noqa: DTZ001


def _days_in_month(date: datetime) -> int:
    return calendar.monthrange(date.year, date.month)[1]


def _between(microseconds: float, example: str) -> Function:
    """How many times so long it is from one date to another."""

    def polars(start: pl.Expr, end: pl.Expr) -> pl.Expr:
        import polars as pl

        return divided((end - start).dt.total_microseconds().cast(pl.Float64), microseconds)

    def python(start: datetime, end: datetime) -> float:
        # Made a float before it is divided, as polars does: the quotient of whole numbers is rounded only once.
        return float(_microseconds(end - start)) / microseconds

    return Function(("date", "date"), "number", polars, python, example)


def _microseconds(gap: timedelta) -> int:
    return (gap.days * 86_400 + gap.seconds) * 1_000_000 + gap.microseconds


def _since_polars(date: pl.Expr, start: str) -> pl.Expr:
    import polars as pl

    gap = date - pl.lit(moment(start), dtype=pl.Datetime("us"))
    return divided(gap.dt.total_microseconds().cast(pl.Float64), _DAY)


def _since_python(start: str) -> Callable[[datetime], float]:
    first = moment(start)
    return lambda date: float(_microseconds(date - first)) / _DAY


def _truncate_python(unit: str) -> Callable[[datetime], datetime]:
    start: dict[str, Callable[[datetime], datetime]] = {
        "year": lambda date: datetime(date.year, 1, 1),  # noqa: DTZ001
        "quarter": lambda date: datetime(date.year, (date.month - 1) // 3 * 3 + 1, 1),  # noqa: DTZ001
        "month": lambda date: datetime(date.year, date.month, 1),  # noqa: DTZ001
        "week": lambda date: datetime(date.year, date.month, date.day) - timedelta(date.weekday()),  # noqa: DTZ001
        "day": lambda date: datetime(date.year, date.month, date.day),  # noqa: DTZ001
        "hour": lambda date: date.replace(minute=0, second=0, microsecond=0),
        "minute": lambda date: date.replace(second=0, microsecond=0),
    }
    return start[unit]


def _month_end_polars(date: pl.Expr) -> pl.Expr:
    return let([date], lambda date: date.dt.day() == date.dt.days_in_month())


DATES: dict[str, Function] = {
    "year": _of_date("year", lambda date: float(date.year), "year(sold)"),
    "quarter": _of_date("quarter", lambda date: float((date.month + 2) // 3), "quarter(sold)"),
    "month": _of_date("month", lambda date: float(date.month), "month(sold)"),
    "week": _of_date("week", lambda date: float(date.isocalendar()[1]), "week(sold)"),
    "day": _of_date("day", lambda date: float(date.day), "day(sold)"),
    "dayofyear": _of_date("ordinal_day", _dayofyear, "dayofyear(sold)"),
    "weekday": _of_date("weekday", lambda date: float(date.isoweekday()), "weekday(sold)"),
    "hour": _of_date("hour", lambda date: float(date.hour), "hour(sold)"),
    "minute": _of_date("minute", lambda date: float(date.minute), "minute(sold)"),
    "second": _of_date("second", lambda date: float(date.second), "second(sold)"),
    "days_in_month": _of_date("days_in_month", lambda date: float(_days_in_month(date)), "days_in_month(sold)"),
    "is_weekend": _is(lambda date: date.dt.weekday() >= 6, lambda date: date.weekday() >= 5, "is_weekend(sold)"),
    "is_month_start": _is(lambda date: date.dt.day() == 1, lambda date: date.day == 1, "is_month_start(sold)"),
    "is_month_end": _is(_month_end_polars, lambda date: date.day == _days_in_month(date), "is_month_end(sold)"),
    "days_between": _between(_DAY, "days_between(built, sold)"),
    "hours_between": _between(3_600_000_000.0, "hours_between(built, sold)"),
    "seconds_between": _between(1_000_000.0, "seconds_between(built, sold)"),
    "days_since": Function(
        ("date", "moment"), "number", _since_polars, _since_python, "days_since(sold, '2020-01-01')"
    ),
    "truncate": Function(
        ("date", "unit"),
        "date",
        lambda date, unit: date.dt.truncate(_UNITS[unit]),
        _truncate_python,
        "days_between(truncate(sold, 'year'), sold)",
    ),
    "local": Function(("date", "zone"), "date", local_polars, local_python, "hour(local(sold, 'Europe/Berlin'))"),
    "date": Function(("text", "format"), "date", date_polars, date_python, "year(date(name, '%d.%m.%Y'))"),
}  # fmt: skip
