"""An expression as a function of one row, in plain Python: closures within closures, the fewest for each call."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from tasks.core.functions import FUNCTIONS
from tasks.core.signatures import CONSTANTS
from tasks.core.syntax import Call, Literal, Name, Node

Row = Mapping[str, Any]
Maker = Callable[[Row], Any]

_INFINITE = math.inf
_NO_VALUE = (ArithmeticError, ValueError)
"""What Python raises where polars gives infinity, NaN or nothing."""


def maker(node: Node) -> Maker:
    """A function from a row to the expression's value; None when it is missing."""
    if isinstance(node, Literal):
        value = node.value
        return lambda row: value
    if isinstance(node, Name):
        return _column(node.name)
    return _call(node)


def _call(node: Call) -> Maker:
    function = FUNCTIONS[node.function]
    wanted = function.wanted(len(node.arguments)) or ()
    both = list(zip(node.arguments, wanted, strict=True))
    constants = [argument.value for argument, kind in both if kind in CONSTANTS and isinstance(argument, Literal)]
    has_constants = not CONSTANTS.isdisjoint(function.takes)
    compute = function.python(*constants) if has_constants else function.python
    arguments = [argument for argument, kind in both if kind not in CONSTANTS]
    if function.sees_missing or len(arguments) > 2 or not arguments:
        call = _any(compute, [maker(argument) for argument in arguments], function.sees_missing)
    elif len(arguments) == 1:
        call = _unary(compute, maker(arguments[0]))
    else:
        right = arguments[1]
        constant = right.value if isinstance(right, Literal) else None
        call = (
            _binary(compute, maker(arguments[0]), maker(right))
            if constant is None
            else _unary(lambda left: compute(left, constant), maker(arguments[0]))
        )
    return _normal(call) if function.gives in ("number", "same", "other") else call


def _unary(compute: Callable[[Any], Any], argument: Maker) -> Maker:
    def call(row: Row) -> Any:
        value = argument(row)
        if value is None:
            return None
        try:
            return compute(value)
        except _NO_VALUE:
            return None

    return call


def _binary(compute: Callable[[Any, Any], Any], left: Maker, right: Maker) -> Maker:
    def call(row: Row) -> Any:
        a = left(row)
        b = right(row)
        if a is None or b is None:
            return None
        try:
            return compute(a, b)
        except _NO_VALUE:
            return None

    return call


def _any(compute: Callable[..., Any], arguments: list[Maker], sees_missing: bool) -> Maker:
    def call(row: Row) -> Any:
        values = [argument(row) for argument in arguments]
        if not sees_missing and None in values:
            return None
        try:
            return compute(*values)
        except _NO_VALUE:
            return None

    return call


def _normal(call: Maker) -> Maker:
    def normal(row: Row) -> Any:
        value = call(row)
        if type(value) is not float:
            return value
        return value + 0.0 if -_INFINITE < value < _INFINITE else None

    return normal


def _column(name: str) -> Maker:
    def column(row: Row) -> Any:
        value = row.get(name)
        if type(value) is float:
            return value + 0.0 if -_INFINITE < value < _INFINITE else None
        return value or None if type(value) is str else _value(value)

    return column


def _value(value: Any) -> Any:
    """One value of a row as a float, text, truth value or moment in UTC; None when it is missing."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value or None
    try:
        if isinstance(value, datetime):
            return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        if isinstance(value, date):
            return datetime(value.year, value.month, value.day)  # noqa: DTZ001
        number = float(value) + 0.0
    except _NO_VALUE:
        return None
    return number if math.isfinite(number) else None
