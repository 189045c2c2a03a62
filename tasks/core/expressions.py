"""Declared features: small typed expressions over the columns of a row, the same for a batch and for one row.

    title: extract(name, ', ([A-Za-z]+)')
    rooms_per_household: total_rooms / households

What a project file says is never given to Python's eval. Missing (None, NaN, infinite, empty text) in, missing out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast

from tasks.core import syntax
from tasks.core.functions import FUNCTIONS, Type, finite
from tasks.core.nearest import perhaps
from tasks.core.patterns import PatternError, pattern
from tasks.core.records import Feature
from tasks.core.syntax import Call, ExpressionError, Literal, Name, Node

if TYPE_CHECKING:
    import polars as pl

Types = Mapping[str, Type]
Frame = TypeVar("Frame", "pl.DataFrame", "pl.LazyFrame")
Row = Mapping[str, Any]

_CALLABLE = tuple(name for name in FUNCTIONS if name.isidentifier() and name not in syntax.WORDS)


def names_in(text: str) -> set[str]:
    """The columns that the expression needs."""
    return syntax.names_in(syntax.parse(text))


def type_of(text: str, columns: Types) -> Type:
    """What the expression gives over columns of these types; ExpressionError when its parts do not fit."""
    return _type(syntax.parse(text), columns, text)


def with_declared(frame: Frame, features: Iterable[Feature]) -> Frame:
    """The frame with a column more for each declared feature."""
    return computed(frame, {each.name: each.expression for each in features if each.expression is not None})


def computed(frame: Frame, expressions: Mapping[str, str]) -> Frame:
    """The frame with a column more for each of these names and expressions."""
    types = _types_of(frame)
    return frame.with_columns(to_polars(text, types).alias(name) for name, text in expressions.items())


def declared_row(features: Iterable[Feature]) -> Callable[[Row], dict[str, Any]]:
    """A function from one row to the row with its declared features, equal to `with_declared` on the same values."""
    makers = [(each.name, to_python(each.expression)) for each in features if each.expression is not None]

    def complete(row: Row) -> dict[str, Any]:
        return {**row, **{name: make(row) for name, make in makers}}

    return complete


def to_polars(text: str, columns: Types) -> pl.Expr:
    """The expression over the columns of a polars frame."""
    node = syntax.parse(text)
    _type(node, columns, text)
    return _polars(node, columns)


def to_python(text: str) -> Callable[[Row], Any]:
    """The expression as a function of one row; a column that the row does not have is missing."""
    return _python(syntax.parse(text))


# Types


def _type(node: Node, columns: Types, text: str) -> Type:
    if isinstance(node, Literal):
        return "text" if isinstance(node.value, str) else "number"
    if isinstance(node, Name):
        if node.name not in columns:
            action = perhaps(node.name, columns, f"The columns are {', '.join(list(columns)[:10])}")
            raise ExpressionError(text, node.at, f"there is no column {node.name!r}", action)
        return columns[node.name]
    return _type_of_call(node, columns, text)


def _type_of_call(node: Call, columns: Types, text: str) -> Type:
    function = FUNCTIONS.get(node.function)
    if function is None:
        action = perhaps(node.function, _CALLABLE, f"The functions are {', '.join(_CALLABLE)}")
        raise ExpressionError(text, node.at, f"there is no function {node.function!r}", action)
    if len(node.arguments) != len(function.takes):
        problem = f"{node.function} takes {len(function.takes)} arguments, not {len(node.arguments)}"
        raise ExpressionError(text, node.at, problem)
    common: Type | None = None
    for argument, wanted in zip(node.arguments, function.takes, strict=True):
        found = _type(argument, columns, text)
        if wanted in ("pattern", "constant text"):
            _require_constant(argument, wanted == "pattern", text)
        elif wanted in ("any", "ordered"):
            if common is not None and common != found:
                raise ExpressionError(text, argument.at, f"{common} is expected here, as before, and this is {found}")
            if wanted == "ordered" and found == "boolean":
                raise ExpressionError(text, argument.at, f"{node.function} does not order truth values")
            common = found
        elif wanted != found:
            raise ExpressionError(text, argument.at, f"{node.function} takes {wanted} here, and this is {found}")
    return cast("Type", common) if function.gives == "same" else function.gives


def _require_constant(argument: Node, is_pattern: bool, text: str) -> None:
    if not isinstance(argument, Literal) or not isinstance(argument.value, str):
        raise ExpressionError(text, argument.at, "this must be a text in quotes, the same for all rows")
    if is_pattern:
        try:
            pattern(argument.value)
        except PatternError as exc:
            raise ExpressionError(text, argument.at, f"the pattern cannot be used: {exc}") from exc


# The backend for batches


def _types_of(frame: pl.DataFrame | pl.LazyFrame) -> dict[str, Type]:
    import polars as pl

    types: dict[str, Type] = {}
    for name, dtype in frame.collect_schema().items():
        if dtype.is_numeric():
            types[name] = "number"
        elif isinstance(dtype, (pl.Date, pl.Datetime)):
            types[name] = "date"
        elif dtype == pl.Boolean:
            types[name] = "boolean"
        elif isinstance(dtype, (pl.String, pl.Null)):
            types[name] = "text"
    return types


def _polars(node: Node, columns: Types) -> pl.Expr:
    import polars as pl

    if isinstance(node, Literal):
        return pl.lit(node.value)
    if isinstance(node, Name):
        return _column(node.name, columns[node.name])
    function = FUNCTIONS[node.function]
    constants = ("pattern", "constant text")
    arguments = [
        argument.value if isinstance(argument, Literal) and wanted in constants else _polars(argument, columns)
        for argument, wanted in zip(node.arguments, function.takes, strict=True)
    ]
    result = function.polars(*arguments)
    return finite(result) if function.gives == "number" else result


def _column(name: str, kind: Type) -> pl.Expr:
    import polars as pl

    values = pl.col(name)
    if kind == "number":
        return finite(values.cast(pl.Float64))
    if kind == "text":
        values = values.cast(pl.String)
        return pl.when(values != "").then(values)
    return values.cast(pl.Datetime("us")) if kind == "date" else values


# The backend for one row


def _python(node: Node) -> Callable[[Row], Any]:
    if isinstance(node, Literal):
        value = node.value
        return lambda row: value
    if isinstance(node, Name):
        name = node.name
        return lambda row: _value(row.get(name))
    function = FUNCTIONS[node.function]
    compute, sees_missing = function.python, function.sees_missing
    arguments = [_python(argument) for argument in node.arguments]

    def call(row: Row) -> Any:
        values = [argument(row) for argument in arguments]
        if not sees_missing and any(value is None for value in values):
            return None
        try:
            result = compute(*values)
        except (ArithmeticError, ValueError):
            return None
        return None if isinstance(result, float) and not math.isfinite(result) else result

    return call


def _value(value: Any) -> Any:
    """One value of a row as a float, text, truth value or moment in UTC; None when it is missing."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value or None
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001
    number = float(value)
    return number if math.isfinite(number) else None
