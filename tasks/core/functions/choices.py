"""Comparisons, truth, choices between values, and groups of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tasks.core.functions.function import Function, let

if TYPE_CHECKING:
    import polars as pl


def _comparison(
    polars: Callable[[Any, Any], pl.Expr], python: Callable[[Any, Any], bool], example: str, ordered: bool = True
) -> Function:
    return Function(("ordered", "ordered") if ordered else ("any", "any"), "boolean", polars, python, example)


def _and(a: bool | None, b: bool | None) -> bool | None:
    return False if a is False or b is False else None if a is None or b is None else True


def _or(a: bool | None, b: bool | None) -> bool | None:
    return True if a or b else None if a is None or b is None else False


def _if_polars(condition: pl.Expr, yes: pl.Expr, no: pl.Expr) -> pl.Expr:
    import polars as pl

    def chosen(condition: pl.Expr, yes: pl.Expr, no: pl.Expr) -> pl.Expr:
        return pl.when(condition).then(yes).when(~condition).then(no)

    return let([condition, yes, no], chosen)


def _if_python(condition: bool | None, yes: Any, no: Any) -> Any:
    return None if condition is None else yes if condition else no


def _case_polars(*arguments: pl.Expr) -> pl.Expr:
    import polars as pl

    def chosen(*arguments: pl.Expr) -> pl.Expr:
        result = arguments[-1] if len(arguments) % 2 else pl.lit(None)
        for at in range(len(arguments) // 2 * 2 - 2, -1, -2):
            result = pl.when(arguments[at]).then(arguments[at + 1]).when(~arguments[at]).then(result)
        return result

    return let(arguments, chosen)


def _case_python(*arguments: Any) -> Any:
    for at in range(0, len(arguments) - 1, 2):
        if arguments[at] is None or arguments[at]:
            return None if arguments[at] is None else arguments[at + 1]
    return arguments[-1] if len(arguments) % 2 else None


def _coalesce_polars(*arguments: pl.Expr) -> pl.Expr:
    import polars as pl

    return pl.coalesce(*arguments)


def _coalesce_python(*arguments: Any) -> Any:
    return next((argument for argument in arguments if argument is not None), None)


def _nullif_polars(a: pl.Expr, b: pl.Expr) -> pl.Expr:
    import polars as pl

    return let([a, b], lambda a, b: pl.when(a.ne_missing(b)).then(a))


def _map_polars(key: pl.Expr, *arguments: Any) -> pl.Expr:
    import polars as pl

    n_pairs = len(arguments) // 2
    keys, values = list(arguments[0 : 2 * n_pairs : 2]), list(arguments[1 : 2 * n_pairs : 2])
    kinds = {bool: pl.Boolean(), str: pl.String(), float: pl.Float64()}
    to = kinds[type(values[0])]

    def mapped(key: pl.Expr, default: pl.Expr) -> pl.Expr:
        return pl.when(key.is_not_null()).then(key.replace_strict(keys, values, default=default, return_dtype=to))

    return let([key, arguments[-1] if len(arguments) % 2 else pl.lit(None, dtype=to)], mapped)


def _map_python(*pairs: Any) -> Callable[..., Any]:
    table = dict(zip(pairs[::2], pairs[1::2], strict=True))

    def mapped(key: Any, default: Any = None) -> Any:
        return None if key is None else table.get(key, default)

    return mapped


def _differ(*constants: object) -> None:
    if len(set(constants)) < len(constants):
        raise ValueError("a value is named twice")


CHOICES: dict[str, Function] = {
    "==": _comparison(lambda a, b: a == b, lambda a, b: a == b, "city == 'Paris'", ordered=False),
    "!=": _comparison(lambda a, b: a != b, lambda a, b: a != b, "rooms != 1", ordered=False),
    "<": _comparison(lambda a, b: a < b, lambda a, b: a < b, "built < sold"),
    "<=": _comparison(lambda a, b: a <= b, lambda a, b: a <= b, "rooms <= 3"),
    ">": _comparison(lambda a, b: a > b, lambda a, b: a > b, "price > 1e6"),
    ">=": _comparison(lambda a, b: a >= b, lambda a, b: a >= b, "area >= 50"),
    "and": Function(
        ("boolean", "boolean"), "boolean", lambda a, b: a & b, _and, "is_new and rooms > 3", sees_missing=True
    ),
    "or": Function(("boolean", "boolean"), "boolean", lambda a, b: a | b, _or, "is_new or rooms > 3", True),
    "not": Function(("boolean",), "boolean", lambda a: ~a, lambda a: not a, "not is_new"),
    "if": Function(
        ("boolean", "any", "any"), "same", _if_polars, _if_python, "if(is_new, 0, price)", sees_missing=True
    ),
    "case": Function(
        ("boolean", "any", "any"),
        "same",
        _case_polars,
        _case_python,
        "case(rooms < 2, 'small', rooms < 5, 'middle', 'large')",
        sees_missing=True,
        optional=1,
        repeats=2,
    ),
    "is_missing": Function(
        ("any",), "boolean", lambda a: a.is_null(), lambda a: a is None, "is_missing(price)", sees_missing=True
    ),
    "coalesce": Function(
        ("any", "any"), "same", _coalesce_polars, _coalesce_python, "coalesce(rooms, baths, 1)", sees_missing=True,
        repeats=1,
    ),
    "nullif": Function(
        ("any", "any"), "same", _nullif_polars, lambda a, b: None if a == b else a, "nullif(area, -999)",
        sees_missing=True,
    ),
    "one_of": Function(
        ("any", "constant"),
        "boolean",
        lambda value, *constants: value.is_in(list(constants)),
        lambda *constants: frozenset(constants).__contains__,
        "one_of(city, 'Paris', 'Lyon')",
        repeats=1,
        agree=_differ,
    ),
    "map": Function(
        ("any", "constant", "other constant", "other"),
        "other",
        _map_polars,
        _map_python,
        "map(city, 'Paris', 1, 'Lyon', 2, 0)",
        sees_missing=True,
        optional=1,
        repeats=2,
        agree=lambda *pairs: _differ(*pairs[::2]),
    ),
}  # fmt: skip
