"""Arithmetic, rounding, powers and angles.

Polars and Python both ask the C library for exp, log and the functions of angles, so that they agree to the last bit
(measured on a million strange values each); what they do not agree on is not here (log10, log2, cbrt) or is made of
what they do. Numpy has its own for some processors and is asked for nothing but fmod, which is exact.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from tasks.core.functions.function import Function, divided, let, of_number, of_numbers

if TYPE_CHECKING:
    import polars as pl

TAU = 2 * math.pi


def _power(a: float, b: float) -> float:
    return a * a if b == 2 else math.sqrt(a) if b == 0.5 else math.pow(a, b)


def _power_or_nan(a: float, b: float) -> float:
    try:
        return _power(a, b)
    except (ArithmeticError, ValueError):
        return math.nan


def _powers(a: list[float | None], b: list[float | None]) -> list[float]:
    a, b = (a * len(b), b) if len(a) == 1 else (a, b * len(a)) if len(b) == 1 else (a, b)
    return [
        math.nan if base is None or exponent is None else _power_or_nan(base, exponent)
        for base, exponent in zip(a, b, strict=True)
    ]


def _power_polars(a: pl.Expr, b: pl.Expr) -> pl.Expr:
    """Python's own power (0.2 µs a row).

    Polars multiplies for some exponents when all rows have the same, so that a row would depend on its batch.
    """
    import numpy as np
    import polars as pl

    def powers(series: Sequence[pl.Series]) -> pl.Series:
        base, exponent = series
        if len(exponent) == 1 and exponent[0] == 2:
            return base * base
        return pl.Series(np.array(_powers(base.to_list(), exponent.to_list()), dtype=np.float64))

    return pl.map_batches([a, b], powers, return_dtype=pl.Float64, is_elementwise=True)


def _modulo_polars(a: pl.Expr, b: pl.Expr) -> pl.Expr:
    """Numpy's remainder is Python's; polars' is off once the quotient is."""
    import numpy as np
    import polars as pl

    def remainder(series: Sequence[pl.Series]) -> pl.Series:
        dividend, divisor = (np.asarray(one.to_numpy(), dtype=np.float64) for one in series)
        with np.errstate(all="ignore"):
            return pl.Series(np.remainder(dividend, divisor))

    return pl.map_batches([a, b], remainder, return_dtype=pl.Float64, is_elementwise=True)


# A missing argument becomes the infinity that wins, and the result is then not finite, hence missing.


def _smallest(*numbers: pl.Expr) -> pl.Expr:
    import polars as pl

    return pl.min_horizontal(number.fill_null(-math.inf) for number in numbers)


def _greatest(*numbers: pl.Expr) -> pl.Expr:
    import polars as pl

    return pl.max_horizontal(number.fill_null(math.inf) for number in numbers)


def _round_polars(number: pl.Expr, digits: float = 0) -> pl.Expr:
    scale = 10.0**digits
    return (
        divided((number * scale).round(0, mode="half_to_even"), scale)
        if digits
        else number.round(0, mode="half_to_even")
    )


def _round_python(digits: float = 0) -> Callable[[float], float]:
    # Python's own round(x, 2) takes the decimal nearest to x, which polars does not.
    scale = 10.0**digits
    return (lambda number: round(number * scale) / scale) if digits else (lambda number: float(round(number)))


def _clip_python(low: float, high: float) -> Callable[[float], float]:
    return lambda number: low if number < low else high if number > high else number


def _bin_polars(number: pl.Expr, *edges: float) -> pl.Expr:
    import polars as pl

    def counted(value: pl.Expr) -> pl.Expr:
        return pl.when(value.is_not_null()).then(pl.sum_horizontal((value >= edge).cast(pl.Float64) for edge in edges))

    return let([number], counted)


def _bin_python(*edges: float) -> Callable[[float], float]:
    return lambda number: float(bisect_right(edges, number))


def _increase(*numbers: float) -> None:
    if any(a >= b for a, b in pairwise(numbers)):
        raise ValueError("the numbers must increase")


def _pi_polars() -> pl.Expr:
    import polars as pl

    return pl.lit(math.pi)


def _arctan2_polars(y: pl.Expr, x: pl.Expr) -> pl.Expr:
    import polars as pl

    return pl.arctan2(y, x)


def _cycle(of: str, python: Callable[[float], float], example: str) -> Function:
    def polars(number: pl.Expr, period: float) -> pl.Expr:
        return getattr(divided(number, period) * TAU, of)()

    def made(period: float) -> Callable[[float], float]:
        return lambda number: python(number / period * TAU)

    return Function(("number", "period"), "number", polars, made, example)


NUMBERS: dict[str, Function] = {
    "+": of_numbers(lambda a, b: a + b, lambda a, b: a + b, "rooms + baths"),
    "-": of_numbers(lambda a, b: a - b, lambda a, b: a - b, "price - 1000"),
    "*": of_numbers(lambda a, b: a * b, lambda a, b: a * b, "rooms * baths"),
    "/": of_numbers(divided, lambda a, b: a / b, "price / area"),
    "%": of_numbers(_modulo_polars, lambda a, b: a % b, "area % 10"),
    "^": of_numbers(_power_polars, _power, "area ^ 2"),
    "unary -": of_number(lambda a: -a, lambda a: -a, "-price"),
    "abs": of_number(lambda a: a.abs(), abs, "abs(price - 1000)"),
    "sign": of_number(lambda a: a.sign(), lambda a: float((a > 0) - (a < 0)), "sign(price - 1000)"),
    "sqrt": of_number(lambda a: a.sqrt(), math.sqrt, "sqrt(area)"),
    "exp": of_number(lambda a: a.exp(), math.exp, "exp(-area / 100)"),
    "log": of_number(lambda a: a.log(), math.log, "log(price)"),
    "log1p": of_number(lambda a: a.log1p(), math.log1p, "log1p(rooms)"),
    "floor": of_number(lambda a: a.floor(), lambda a: float(math.floor(a)), "floor(area / 10)"),
    "ceil": of_number(lambda a: a.ceil(), lambda a: float(math.ceil(a)), "ceil(area / 10)"),
    "round": Function(("number", "digits"), "number", _round_polars, _round_python, "round(area, 2)", optional=1),
    "min": Function(("number", "number"), "number", _smallest, min, "min(rooms, baths, 3)", repeats=1),
    "max": Function(("number", "number"), "number", _greatest, max, "max(rooms, baths)", repeats=1),
    "clip": Function(
        ("number", "constant number", "constant number"),
        "number",
        lambda number, low, high: number.clip(low, high),
        _clip_python,
        "clip(area, 20, 200)",
        agree=_increase,
    ),
    "bin": Function(
        ("number", "constant number"), "number", _bin_polars, _bin_python, "bin(area, 50, 100, 150)", repeats=1,
        agree=_increase,
    ),
    "pi": Function((), "number", _pi_polars, lambda: math.pi, "pi()"),
    "radians": of_number(lambda a: a.radians(), math.radians, "radians(latitude)"),
    "sin": of_number(lambda a: a.sin(), math.sin, "sin(radians(latitude))"),
    "cos": of_number(lambda a: a.cos(), math.cos, "cos(radians(latitude))"),
    "tan": of_number(lambda a: a.tan(), math.tan, "tan(radians(latitude))"),
    "arcsin": of_number(lambda a: a.arcsin(), math.asin, "arcsin(area / 1000)"),
    "arccos": of_number(lambda a: a.arccos(), math.acos, "arccos(area / 1000)"),
    "arctan2": of_numbers(_arctan2_polars, math.atan2, "arctan2(latitude, area)"),
    "cycle_sin": _cycle("sin", math.sin, "cycle_sin(month(sold), 12)"),
    "cycle_cos": _cycle("cos", math.cos, "cycle_cos(hour(sold), 24)"),
}  # fmt: skip
