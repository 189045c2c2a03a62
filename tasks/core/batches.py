"""Expressions over the columns of a polars frame, in as many stages as their depth needs.

Polars' time to plan grows with more than the square of an expression's depth: 150 additions in one took 8 s, in
stages 0.1 s. Expressions of usual depth take one stage.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from tasks.core import syntax
from tasks.core.functions import FUNCTIONS, Type, normal
from tasks.core.signatures import CONSTANTS, Types, type_of
from tasks.core.syntax import Literal, Name, Node

if TYPE_CHECKING:
    import polars as pl

Frame = TypeVar("Frame", "pl.DataFrame", "pl.LazyFrame")

_HIGHEST = 4
_PRIVATE = "\ue000"
"""What the names of columns in between begin with: a sign that stands for nothing."""


class _Part(NamedTuple):
    """An expression, the stage that can compute it, and the calls within calls that it has."""

    made: pl.Expr
    stage: int
    height: int


class Stages:
    """Puts expressions over columns of these types together."""

    def __init__(self, types: Types) -> None:
        self._types = types
        self._between: list[dict[str, pl.Expr]] = []

    def expression(self, text: str) -> pl.Expr:
        """The expression; ExpressionError when it does not fit the columns. Ask `computed` for its values."""
        type_of(text, self._types)
        return self._part(syntax.parse(text)).made

    def computed(self, frame: Frame, made: Mapping[str, pl.Expr]) -> Frame:
        """The frame with these columns more."""
        for stage in self._between:
            frame = frame.with_columns(**stage)
        names = [name for stage in self._between for name in stage]
        return frame.with_columns(**made).drop(names)

    def _part(self, node: Node) -> _Part:
        import polars as pl

        if isinstance(node, Literal):
            return _Part(pl.lit(node.value), 0, 0)
        if isinstance(node, Name):
            return _Part(_column(node.name, self._types[node.name]), 0, 0)
        function = FUNCTIONS[node.function]
        arguments: list[object] = []
        stage = height = 0
        for argument, wanted in zip(node.arguments, function.wanted(len(node.arguments)) or (), strict=True):
            if isinstance(argument, Literal) and wanted in CONSTANTS:
                arguments.append(argument.value)
                continue
            part = self._part(argument)
            arguments.append(part.made)
            stage, height = max(stage, part.stage), max(height, part.height)
        result = function.polars(*arguments)
        return self._cut(_Part(normal(result) if function.gives == "number" else result, stage, height + 1))

    def _cut(self, part: _Part) -> _Part:
        import polars as pl

        if part.height < _HIGHEST:
            return part
        while len(self._between) <= part.stage:
            self._between.append({})
        name = f"{_PRIVATE}{part.stage} {len(self._between[part.stage])}"
        self._between[part.stage][name] = part.made
        return _Part(pl.col(name), part.stage + 1, 0)


def _column(name: str, kind: Type) -> pl.Expr:
    import polars as pl

    values = pl.col(name)
    if kind == "number":
        return normal(values.cast(pl.Float64))
    if kind == "text":
        values = values.cast(pl.String)
        return pl.when(values != "").then(values)
    return values.cast(pl.Datetime("us")) if kind == "date" else values
