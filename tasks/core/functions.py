"""What declared features can do: each function and operator with its types and its two backends.

An argument is missing, so is the result, unless the function `sees_missing`. A number that is not finite is missing.
`python` gets float, str, bool or datetime (UTC without a zone); `polars` gets expressions of these types.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from tasks.core.patterns import pattern

if TYPE_CHECKING:
    import polars as pl

Type = Literal["number", "text", "boolean", "date"]
Wanted = Literal["number", "text", "boolean", "date", "pattern", "constant text", "any", "ordered"]
"""What an argument may be. All arguments wanted as `any` or `ordered` in a call are of one type."""

SPACES = " \t\n\r\f\v"
_WORD = r"[^ \t\n\r\f\v]+"
_DAY = 86_400_000_000


@dataclass(frozen=True)
class Function:
    """`takes` and `gives` are its types; `gives` "same" is the one type of its `any` arguments."""

    takes: tuple[Wanted, ...]
    gives: Type | Literal["same"]
    polars: Callable[..., pl.Expr]
    python: Callable[..., Any]
    sees_missing: bool = False


def finite(number: pl.Expr) -> pl.Expr:
    """The number where it is finite, else missing."""
    return number.replace([math.inf, -math.inf, math.nan], [None, None, None])


def _of_number(polars: Callable[[pl.Expr], pl.Expr], python: Callable[[float], float]) -> Function:
    return Function(("number",), "number", polars, python)


def _of_date(part: str, python: Callable[[datetime], float]) -> Function:
    def polars(date: pl.Expr) -> pl.Expr:
        import polars as pl

        return getattr(date.dt, part)().cast(pl.Float64)

    return Function(("date",), "number", polars, python)


def _of_numbers(polars: Callable[[pl.Expr, pl.Expr], pl.Expr], python: Callable[[float, float], float]) -> Function:
    return Function(("number", "number"), "number", polars, python)


def _comparison(polars: Callable[[Any, Any], pl.Expr], python: Callable[[Any, Any], bool]) -> Function:
    return Function(("ordered", "ordered"), "boolean", polars, python)


def _equality(polars: Callable[[Any, Any], pl.Expr], python: Callable[[Any, Any], bool]) -> Function:
    return Function(("any", "any"), "boolean", polars, python)


def _extract_polars(text: pl.Expr, regex: str) -> pl.Expr:
    return text.str.extract(pattern(regex).rust, 1)


def _extract_python(text: str, regex: str) -> str | None:
    found = pattern(regex).python.search(text)
    return found[1] if found else None


# A missing argument becomes the infinity that wins, and the result is then not finite, hence missing. Polars copies
# an expression at each mention, so one that names its arguments twice grows exponentially when it is nested.


def _smaller(a: pl.Expr, b: pl.Expr) -> pl.Expr:
    import polars as pl

    return pl.min_horizontal(a.fill_null(-math.inf), b.fill_null(-math.inf))


def _greater(a: pl.Expr, b: pl.Expr) -> pl.Expr:
    import polars as pl

    return pl.max_horizontal(a.fill_null(math.inf), b.fill_null(math.inf))


def _length_polars(text: pl.Expr) -> pl.Expr:
    import polars as pl

    return text.str.len_chars().cast(pl.Float64)


def _words_polars(text: pl.Expr) -> pl.Expr:
    import polars as pl

    return text.str.count_matches(_WORD).cast(pl.Float64)


def _words_python(text: str) -> float:
    return float(len(re.findall(_WORD, text)))


def _days_polars(start: pl.Expr, end: pl.Expr) -> pl.Expr:
    import polars as pl

    return (end - start).dt.total_microseconds().cast(pl.Float64) / _DAY


def _days_python(start: datetime, end: datetime) -> float:
    gap = end - start
    return ((gap.days * 86_400 + gap.seconds) * 1_000_000 + gap.microseconds) / _DAY


def _if_polars(condition: pl.Expr, yes: pl.Expr, no: pl.Expr) -> pl.Expr:
    import polars as pl

    return pl.when(condition).then(yes).when(~condition).then(no)


def _if_python(condition: bool | None, yes: Any, no: Any) -> Any:
    return None if condition is None else yes if condition else no


def _and(a: bool | None, b: bool | None) -> bool | None:
    return False if a is False or b is False else None if a is None or b is None else True


def _or(a: bool | None, b: bool | None) -> bool | None:
    return True if a or b else None if a is None or b is None else False


def _coalesce_polars(a: pl.Expr, b: pl.Expr) -> pl.Expr:
    import polars as pl

    return pl.coalesce(a, b)


FUNCTIONS: dict[str, Function] = {
    "+": _of_numbers(lambda a, b: a + b, lambda a, b: a + b),
    "-": _of_numbers(lambda a, b: a - b, lambda a, b: a - b),
    "*": _of_numbers(lambda a, b: a * b, lambda a, b: a * b),
    "/": _of_numbers(lambda a, b: a / b, lambda a, b: a / b),
    "unary -": _of_number(lambda a: -a, lambda a: -a),
    "==": _equality(lambda a, b: a == b, lambda a, b: a == b),
    "!=": _equality(lambda a, b: a != b, lambda a, b: a != b),
    "<": _comparison(lambda a, b: a < b, lambda a, b: a < b),
    "<=": _comparison(lambda a, b: a <= b, lambda a, b: a <= b),
    ">": _comparison(lambda a, b: a > b, lambda a, b: a > b),
    ">=": _comparison(lambda a, b: a >= b, lambda a, b: a >= b),
    "and": Function(("boolean", "boolean"), "boolean", lambda a, b: a & b, _and, sees_missing=True),
    "or": Function(("boolean", "boolean"), "boolean", lambda a, b: a | b, _or, sees_missing=True),
    "not": Function(("boolean",), "boolean", lambda a: ~a, lambda a: not a),
    "extract": Function(("text", "pattern"), "text", _extract_polars, _extract_python),
    "contains": Function(
        ("text", "constant text"), "boolean", lambda a, b: a.str.contains(b, literal=True), lambda a, b: b in a
    ),
    "length": Function(("text",), "number", _length_polars, lambda a: float(len(a))),
    "words": Function(("text",), "number", _words_polars, _words_python),
    "lower": Function(("text",), "text", lambda a: a.str.to_lowercase(), str.lower),
    "strip": Function(("text",), "text", lambda a: a.str.strip_chars(SPACES), lambda a: a.strip(SPACES)),
    "year": _of_date("year", lambda date: float(date.year)),
    "month": _of_date("month", lambda date: float(date.month)),
    "day": _of_date("day", lambda date: float(date.day)),
    "weekday": _of_date("weekday", lambda date: float(date.isoweekday())),
    "hour": _of_date("hour", lambda date: float(date.hour)),
    "days_between": Function(("date", "date"), "number", _days_polars, _days_python),
    "log": _of_number(lambda a: a.log(), math.log),
    "log1p": _of_number(lambda a: a.log1p(), math.log1p),
    "sqrt": _of_number(lambda a: a.sqrt(), math.sqrt),
    "abs": _of_number(lambda a: a.abs(), abs),
    "round": _of_number(lambda a: a.round(0, mode="half_to_even"), lambda a: float(round(a))),
    "min": _of_numbers(_smaller, min),
    "max": _of_numbers(_greater, max),
    "coalesce": Function(
        ("any", "any"), "same", _coalesce_polars, lambda a, b: b if a is None else a, sees_missing=True
    ),
    "if": Function(("boolean", "any", "any"), "same", _if_polars, _if_python, sees_missing=True),
    "is_missing": Function(("any",), "boolean", lambda a: a.is_null(), lambda a: a is None, sees_missing=True),
}
