"""What one function or operator of declared features is: its types, its two backends, and an example.

An argument is missing, so is the result, unless the function `sees_missing`. A number that is not finite is missing,
and zero has no sign, since polars drops `+ 0` and so keeps a sign that Python loses.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import polars as pl

Type = Literal["number", "text", "boolean", "date"]
Constant = Literal[
    "pattern", "constant text", "part", "constant number", "whole", "position", "place", "digits", "period", "constant",
    "other constant", "zone", "format", "moment", "unit",
]  # fmt: skip
"""What is the same for all rows: checked when it is typed, and given to the backends as it is."""
Wanted = Type | Literal["any", "ordered", "other"] | Constant
"""What an argument may be. All `any`, `ordered` and `constant` of a call are of one type, and all `other` of one."""


@dataclass(frozen=True)
class Function:
    """`takes` and `gives` are its types; `gives` "same" is the type of its `any` arguments, "other" of its `other`.

    `python` gets float, str, bool or datetime (UTC without a zone), `polars` expressions of these types. Constants
    stand in their places for `polars`; a function that has any is `python(*constants)`, made once for all rows.
    The last `optional` arguments may be left out, and the last `repeats` before them may come again and again.
    `agree` raises ValueError when the constants do not go together.
    """

    takes: tuple[Wanted, ...]
    gives: Type | Literal["same", "other"]
    polars: Callable[..., pl.Expr]
    python: Callable[..., Any]
    example: str
    sees_missing: bool = False
    repeats: int = 0
    optional: int = 0
    agree: Callable[..., object] | None = None

    def wanted(self, n_arguments: int) -> Sequence[Wanted] | None:
        """What each of so many arguments must be; None when it cannot have so many."""
        n_fixed = len(self.takes) - self.optional
        for n_tail in range(self.optional + 1):
            n_more = n_arguments - n_fixed - n_tail
            if n_more == 0 or (n_more > 0 and self.repeats and n_more % self.repeats == 0):
                again = self.takes[n_fixed - self.repeats : n_fixed] * (n_more // self.repeats if n_more else 0)
                return (*self.takes[:n_fixed], *again, *self.takes[n_fixed : n_fixed + n_tail])
        return None


def finite(number: pl.Expr) -> pl.Expr:
    """The number where it is finite, else missing."""
    return number.replace([math.inf, -math.inf, math.nan], [None, None, None])


def normal(number: pl.Expr) -> pl.Expr:
    """The number where it is finite, zero without its sign, else missing."""
    import polars as pl

    # Ten times as fast as `replace`.
    return let([number], lambda value: pl.when(value == 0).then(0.0).when(value.is_finite()).then(value))


def let(arguments: Sequence[pl.Expr], result: Callable[..., pl.Expr]) -> pl.Expr:
    """`result` of these arguments, however often it names each.

    Polars copies an expression at each mention: without this, one that is nested 16 deep and names its argument
    twice takes 9 s instead of 6 ms. Fields of a struct are not copied.
    """
    import polars as pl

    names = [str(position) for position in range(len(arguments))]
    together = pl.struct(argument.alias(name) for name, argument in zip(names, arguments, strict=True))
    return together.struct.with_fields(result(*map(pl.field, names)).alias("result")).struct.field("result")


def divided(dividend: pl.Expr, divisor: pl.Expr | float) -> pl.Expr:
    """The quotient, rounded once.

    Polars multiplies by the inverse when all rows have one divisor, which is another number for a third of them.
    """
    import polars as pl

    return let([dividend, divisor if isinstance(divisor, pl.Expr) else pl.lit(divisor)], lambda a, b: a / b)


def of_number(polars: Callable[[pl.Expr], pl.Expr], python: Callable[[float], float], example: str) -> Function:
    """A function of one number that gives a number."""
    return Function(("number",), "number", polars, python, example)


def of_numbers(
    polars: Callable[[pl.Expr, pl.Expr], pl.Expr], python: Callable[[float, float], float], example: str
) -> Function:
    """A function of two numbers that gives a number."""
    return Function(("number", "number"), "number", polars, python, example)
