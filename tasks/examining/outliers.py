"""Values that are much too far from the rest of their column, whatever its skew and tails."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence

from tasks.core.figures import figure
from tasks.examining.doubts import Doubt, Numbers
from tasks.examining.tails import reach

MOST_BROKEN = 0.01
"""More such values are no outliers but a second kind of rows."""


def doubts(columns: Sequence[Numbers]) -> Iterator[Doubt]:
    """The outliers of these columns."""
    import polars as pl

    for column in columns:
        limits = reach(column.values, column.n_rows)
        if limits is None or limits.beyond(column.values).mean() > MOST_BROKEN:
            continue
        number = column.expression
        # That a figure that is never negative may reach below 0 would be odd to read.
        low = max(limits.low, 0.0) if len(column.values) and column.values.min() >= 0 else limits.low
        where = (number < limits.low) | (number > limits.high)
        if limits.atom is not None:
            where &= number != limits.atom
        far = pl.max_horizontal(limits.low - number, number - limits.high)
        yield Doubt(
            "outliers",
            column.name,
            where,
            far,
            f"far from the others, which by their spread reach from {_told(column, low)} to "
            f"{_told(column, limits.high)}",
            "Look whether they are true: correct wrong ones at the source, or set bounds in expectations.yaml, which "
            "then hold in serving too",
        )


def _told(column: Numbers, value: float) -> str:
    if not column.moments:
        return figure(value)
    days = min(max(value, -700_000.0), 2_900_000.0)
    return (datetime.date(1970, 1, 1) + datetime.timedelta(days=int(days))).isoformat()
