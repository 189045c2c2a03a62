"""Declared features: small typed expressions over the columns of a row, the same for a batch and for one row.

    title: extract(name, ', ([A-Za-z]+)')
    rooms_per_household: total_rooms / households

What a project file says is never given to Python's eval. Missing (None, NaN, infinite, empty text) in, missing out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from tasks.core import one_row, syntax
from tasks.core.batches import Stages
from tasks.core.functions import Type
from tasks.core.one_row import Row
from tasks.core.records import Feature
from tasks.core.signatures import type_of

if TYPE_CHECKING:
    import polars as pl

__all__ = ["computed", "declared_row", "names_in", "to_python", "type_of", "with_declared"]

Frame = TypeVar("Frame", "pl.DataFrame", "pl.LazyFrame")


def names_in(text: str) -> set[str]:
    """The columns that the expression needs."""
    return syntax.names_in(syntax.parse(text))


def with_declared(frame: Frame, features: Iterable[Feature]) -> Frame:
    """The frame with a column more for each declared feature."""
    return computed(frame, {each.name: each.expression for each in features if each.expression is not None})


def computed(frame: Frame, expressions: Mapping[str, str]) -> Frame:
    """The frame with a column more for each of these names and expressions."""
    stages = Stages(_types_of(frame))
    made = {name: stages.expression(text) for name, text in expressions.items()}
    return stages.computed(frame, made)


def declared_row(features: Iterable[Feature]) -> Callable[[Row], dict[str, Any]]:
    """A function from one row to the row with its declared features, equal to `with_declared` on the same values."""
    makers = [(each.name, to_python(each.expression)) for each in features if each.expression is not None]

    def complete(row: Row) -> dict[str, Any]:
        made = dict(row)
        for name, make in makers:
            made[name] = make(row)
        return made

    return complete


def to_python(text: str) -> Callable[[Row], Any]:
    """The expression as a function of one row; a column that the row does not have is missing."""
    return one_row.maker(syntax.parse(text))


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
