"""Dates in a graph: parts of a moment that is microseconds since 1970 in UTC, whole numbers held by doubles.

The calendar is Howard Hinnant's (https://howardhinnant.github.io/date_algorithms.html#civil_from_days), whose whole
divisions are floors here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tasks.core.functions.dates import moment
from tasks.exports.graph import Graph
from tasks.exports.packages.expressions import ONE, Value, Write
from tasks.modalities.values import DAYS_A_MICROSECOND, MICROSECONDS_A_DAY

DAY = float(MICROSECONDS_A_DAY)
HOUR, MINUTE, SECOND = 3_600_000_000.0, 60_000_000.0, 1_000_000.0


class Split(NamedTuple):
    """A moment as whole days since 1970 and the microseconds of the last one."""

    day: str
    rest: str


def split(graph: Graph, moment: str) -> Split:
    """The moment's day and the rest of it."""
    near = _floored(graph, moment, DAY)
    # The quotient of the last microsecond of a day may be rounded up to the next one.
    early = graph.number(graph.add("Less", _less(graph, moment, near, DAY), np.array(0.0)))
    day = graph.add("Sub", near, early)
    return Split(day, _less(graph, moment, day, DAY))


def days(graph: Graph, moment: str) -> str:
    """Days since 1970 with the time of day as a fraction: what the matrix holds of a date."""
    found = split(graph, moment)
    return graph.add("Add", found.day, graph.add("Mul", found.rest, np.array(DAYS_A_MICROSECOND)))


def _floored(graph: Graph, x: str, by: float) -> str:
    return graph.add("Floor", graph.add("Div", x, np.array(by)))


def _less(graph: Graph, x: str, times: str, by: float) -> str:
    return graph.add("Sub", x, graph.add("Mul", times, np.array(by)))


def _civil(graph: Graph, date: Value) -> tuple[str, str, str]:
    """The year, the month and the day of the month."""

    def add(a: str, b: object) -> str:
        return graph.add("Add", a, np.array(b) if isinstance(b, float) else b)

    z = add(split(graph, date.name).day, 719468.0)
    era = _floored(graph, z, 146097.0)
    doe = _less(graph, z, era, 146097.0)
    leaps = graph.add("Sub", _floored(graph, doe, 36524.0), _floored(graph, doe, 1460.0))
    yoe = _floored(graph, graph.add("Sub", add(doe, leaps), _floored(graph, doe, 146096.0)), 365.0)
    before = graph.add("Sub", add(_times(graph, yoe, 365.0), _floored(graph, yoe, 4.0)), _floored(graph, yoe, 100.0))
    doy = graph.add("Sub", doe, before)
    shifted = _floored(graph, add(_times(graph, doy, 5.0), 2.0), 153.0)
    day = add(graph.add("Sub", doy, _floored(graph, add(_times(graph, shifted, 153.0), 2.0), 5.0)), 1.0)
    early = graph.number(graph.add("Less", shifted, np.array(10.0)))
    month = add(shifted, graph.add("Sub", _times(graph, early, 12.0), np.array(9.0)))
    turned = graph.number(graph.add("LessOrEqual", month, np.array(2.0)))
    return add(add(yoe, _times(graph, era, 400.0)), turned), month, day


def _times(graph: Graph, x: str, by: float) -> str:
    return graph.add("Mul", x, np.array(by))


def _dayofyear(graph: Graph, date: Value) -> str:
    before = graph.add("Sub", _civil(graph, date)[0], ONE)
    leaps = graph.add("Sub", _floored(graph, before, 4.0), _floored(graph, before, 100.0))
    leaps = graph.add("Add", leaps, _floored(graph, before, 400.0))
    first = graph.add("Add", _times(graph, graph.add("Sub", before, np.array(1969.0)), 365.0), leaps)
    return graph.add("Sub", graph.add("Add", split(graph, date.name).day, np.array(478.0)), first)


def _weekday(graph: Graph, date: Value) -> str:
    since_monday = graph.add("Add", split(graph, date.name).day, np.array(3.0))
    return graph.add("Add", _less(graph, since_monday, _floored(graph, since_monday, 7.0), 7.0), ONE)


def _clock(unit: float, of: float) -> Write:
    def part(graph: Graph, date: Value) -> str:
        units = _floored(graph, split(graph, date.name).rest, unit)
        return _less(graph, units, _floored(graph, units, of), of)

    return part


def _between(unit: float) -> Write:
    return lambda graph, a, b: graph.add("Div", graph.add("Sub", b.name, a.name), np.array(unit))


def _since(graph: Graph, date: Value, start: str) -> str:
    first = np.datetime64(moment(start), "us").astype(np.int64)
    return graph.add("Div", graph.add("Sub", date.name, np.array(float(first))), np.array(DAY))


def _is(operator: str, part: Write, than: float) -> Write:
    def holds(graph: Graph, date: Value) -> str:
        found = part(graph, date)
        none = graph.add("Sub", found, found)
        return graph.add("Add", graph.number(graph.add(operator, found, np.array(than))), none)

    return holds


TABLE: dict[str, Write] = {
    "year": lambda graph, date: _civil(graph, date)[0],
    "month": lambda graph, date: _civil(graph, date)[1],
    "day": lambda graph, date: _civil(graph, date)[2],
    "quarter": lambda graph, date: _floored(graph, graph.add("Add", _civil(graph, date)[1], np.array(2.0)), 3.0),
    **{"dayofyear": _dayofyear, "weekday": _weekday, "days_since": _since},
    **{"hour": _clock(HOUR, 24.0), "minute": _clock(MINUTE, 60.0), "second": _clock(SECOND, 60.0)},
    **{"days_between": _between(DAY), "hours_between": _between(HOUR), "seconds_between": _between(SECOND)},
    "is_weekend": _is("GreaterOrEqual", _weekday, 6.0),
    "is_month_start": _is("Equal", lambda graph, date: _civil(graph, date)[2], 1.0),
}
