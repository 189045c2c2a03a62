"""Expectations asked of many rows at once: which of them surely hold one, so that only the rest is asked row by row.

What is told here to hold must hold by `scoring/predicates.py`; in doubt, at a bound or in a rare kind, it is not told.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from tasks.core.expectation import Expectation
from tasks.core.records import ColumnType

if TYPE_CHECKING:
    import polars as pl

    from tasks.scoring.predicates import Types

_NUMBERS: tuple[ColumnType, ...] = ("number", "integer")


def surely_holds(expectation: Expectation, types: Types) -> pl.Expr | None:
    """Of which rows it is sure that they hold the expectation; None where nothing is sure of any row."""
    import polars as pl

    kind, given = expectation.type, expectation.arguments
    names = expectation.columns
    if kind == "expect_column_values_to_not_be_null":
        return ~_missing(names[0], types)
    if kind == "expect_column_values_to_be_between" and types[names[0]] in _NUMBERS:
        return _missing(names[0], types) | _between(names[0], given.get("min_value"), given.get("max_value"))
    if kind == "expect_column_values_to_be_between" and types[names[0]] == "date":
        return pl.col(names[0]).is_null() | _between_moments(names[0], given.get("min_value"), given.get("max_value"))
    if kind == "expect_column_values_to_be_in_set" and types[names[0]] == "text":
        members: Any = given["value_set"] or ()
        known = [value for value in members if isinstance(value, str)]
        return pl.col(names[0]).is_null() | pl.col(names[0]).is_in(known)
    if kind == "expect_column_pair_values_a_to_be_greater_than_b" and {types[name] for name in names} == {"number"}:
        first, second = (pl.col(name) for name in names)
        return (first > second) & first.is_not_nan() & second.is_not_nan()
    return None


def _missing(name: str, types: Types) -> pl.Expr:
    import polars as pl

    nothing = pl.col(name).is_null()
    return nothing | pl.col(name).is_nan() if types[name] == "number" else nothing


def _between(name: str, low: Any, high: Any) -> pl.Expr:
    import polars as pl

    # As floats, and strictly: rounding keeps the order, but two that differ may become equal.
    value, inside = pl.col(name).cast(pl.Float64), pl.lit(value=True)
    if low is not None:
        inside &= value > float(low)
    if high is not None:
        inside &= value < float(high)
    return inside


def _between_moments(name: str, low: Any, high: Any) -> pl.Expr:
    import polars as pl

    value, inside = pl.col(name).cast(pl.Datetime("us")), pl.lit(value=True)
    for bound, is_low in ((low, True), (high, False)):
        if bound is not None:
            moment = datetime.fromisoformat(str(bound))
            if moment.tzinfo is not None:
                return pl.lit(value=False)  # nothing is sure of it
            inside &= value > moment if is_low else value < moment
    return inside
