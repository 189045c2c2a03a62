"""From raw columns to the model's matrix, as nodes of the graph itself: what a host would else have to do.

Each raw column is an input (n, 1) of its own name: text a string, "" where it is missing; numbers, truth values (1 or
0) and dates (milliseconds since 1970 in UTC) as doubles, NaN where they are missing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import numpy as np

from tasks.core import markers, syntax
from tasks.core.errors import UsageError
from tasks.core.functions import Type
from tasks.core.model_records import ModelCard
from tasks.core.nearest import perhaps
from tasks.core.records import BYTES, Column, Feature, Record
from tasks.core.signatures import type_of
from tasks.exports.graph import Graph
from tasks.exports.packages import dates, functions
from tasks.exports.packages.expressions import MISSING, NOTHING, NotInGraph, Value, finite, looked_up, written
from tasks.modalities import MODALITIES
from tasks.modalities.values import UNSEEN, number_codes, text_codes, truth_codes

TABLE = {**functions.TABLE, **dates.TABLE}
InputType = Literal["number", "text", "boolean", "date", "codes"]
SPACES = "".join(f"\\x{{{ord(space):x}}}" for space in markers.SPACES)
BEFORE, BEHIND = f"[{SPACES}]*(?:", f")[{SPACES}]*"
"""Of a pattern that looks for words whatever spaces are around them."""


class Input(Record):
    """One input of the graph, (n, width): a raw column, or a feature that the host computes (`by_host`: how)."""

    name: str
    type: InputType
    width: int = 1
    levels: tuple[str, ...] = ()
    """The values that the model knows, of a category."""
    missing_values: tuple[str, ...] = ()
    """What the graph takes for a missing value besides NaN and the empty text."""
    by_host: str = ""


class Front:
    """The inputs that a graph needs, and the name of the matrix that it makes of them."""

    def __init__(self, card: ModelCard, as_input: Sequence[str], graph: Graph, single: bool = False) -> None:
        self._card, self._graph, self._single = card, graph, single
        self._columns = {column.name: column for column in card.inputs}
        self._types: dict[str, Type] = {
            name: kind for name, column in self._columns.items() if (kind := _type(column)) is not None
        }
        self._values: dict[str, Value] = {}
        self.inputs: dict[str, Input] = {}
        _check_named(card, as_input)
        blocks = [self._block(feature, feature.name in as_input) for feature in card.features]
        self.matrix = graph.side_by_side(*blocks)

    def _block(self, feature: Feature, is_input: bool) -> str:
        """The feature's columns of the matrix."""
        if feature.kind in MODALITIES or feature.treatment.buckets:
            if not is_input:
                raise _refused(feature, _needs(feature))
            self.inputs[feature.name] = Input(
                name=feature.name, type="codes", width=feature.width, by_host=_needs(feature)
            )
            return self._cast(feature.name)
        if feature.expression is None:
            return self._coded(feature, self._column(feature.name, feature))
        if is_input:
            kind = type_of(feature.expression, self._types)
            self._values[feature.name] = self._read(Column(name=feature.name, type=kind, n_missing=0))
            self.inputs[feature.name] = Input(
                name=feature.name, type=kind, by_host=feature.expression, levels=feature.levels
            )
            return self._coded(feature, self._values[feature.name])
        node = syntax.parse(feature.expression)
        columns = {name: self._column(name) for name in sorted(syntax.names_in(node))}
        try:
            normal = {name: self._normal(value) for name, value in columns.items()}
            return self._coded(feature, written(self._graph, node, normal, TABLE))
        except NotInGraph as exc:
            raise _refused(feature, f"`{exc.function}` of `{feature.expression}`") from exc

    def _column(self, name: str, feature: Feature | None = None) -> Value:
        """The raw column in the graph, without what stands for a missing value."""
        column = self._columns[name]
        if name not in self._values:
            self._values[name] = self._read(column)
            self.inputs[name] = Input(name=name, type=_type(column) or "text", missing_values=column.missing_values)
        if feature is not None and feature.levels:
            self.inputs[name] = self.inputs[name].model_copy(update={"levels": feature.levels})
        return self._values[name]

    def _read(self, column: Column) -> Value:
        graph, kind = self._graph, _type(column) or "text"
        name = column.name if kind == "text" else self._cast(column.name)
        if kind == "date":
            name = graph.add("Round", graph.add("Mul", name, np.array(1e3)))
        if not column.missing_values or kind == "boolean":
            return Value(name, kind)
        if kind == "text":
            words = "|".join(_escaped(word) for word in markers.texts(column.missing_values))
            stands = graph.add("RegexFullMatch", name, pattern=f"{BEFORE}{words}{BEHIND}")
            return Value(graph.add("Where", stands, NOTHING, name), kind)
        for value in _numbers(column, kind):
            stands = graph.add("Equal", name, np.array(self._rounded(value) if kind == "number" else value))
            name = graph.add("Where", stands, MISSING, name)
        return Value(name, kind)

    def _coded(self, feature: Feature, value: Value) -> str:
        """The feature's one column of the matrix."""
        graph = self._graph
        if feature.kind == "date":
            return dates.days(graph, value.name)
        if feature.kind != "category":
            return finite(graph, value.name)
        if value.type == "text":
            codes = {"": np.nan, **text_codes(feature)}
            return looked_up(graph, value.name, list(codes), list(codes.values()), UNSEEN)
        numbers = truth_codes(feature) if value.type == "boolean" else number_codes(feature)
        keys: list[object] = [self._rounded(float(number)) for number in numbers]
        found = looked_up(graph, value.name, keys or [0.0], list(numbers.values()) or [UNSEEN], UNSEEN)
        return graph.add("Where", graph.add("IsNaN", value.name), MISSING, found)

    def _normal(self, value: Value) -> Value:
        return Value(finite(self._graph, value.name), value.type) if value.type == "number" else value

    def _cast(self, name: str) -> str:
        """The input in float64, whatever it comes in."""
        return self._graph.number(name)

    def _rounded(self, number: float) -> float:
        """The number as an input of float32 brings it."""
        with np.errstate(over="ignore"):
            return float(np.float32(number)) if self._single else number


def _type(column: Column) -> Type | None:
    """What the expression language calls the column's type; None for bytes."""
    if column.type in BYTES:
        return None
    return "number" if column.type == "integer" else column.type  # pyright: ignore[reportReturnType]


def _numbers(column: Column, kind: Type) -> list[float]:
    if kind == "number":
        return markers.numbers(column.missing_values)
    epoch = np.datetime64(0, "us")
    moments = markers.moments(column.missing_values)
    return [float((np.datetime64(each, "us") - epoch).astype(np.int64)) for each in moments]


def words_of(pattern: str) -> list[str] | None:
    """The words that such a pattern looks for; None where it is another one."""
    if not (pattern.startswith(BEFORE) and pattern.endswith(BEHIND)):
        return None
    words = pattern.removeprefix(BEFORE).removesuffix(BEHIND).split("|")
    return [re.sub(r"\\x\{([0-9a-f]+)\}", lambda found: chr(int(found[1], 16)), word) for word in words]


def _escaped(word: str) -> str:
    return "".join(each if each.isalnum() else f"\\x{{{ord(each):x}}}" for each in word)


def _needs(feature: Feature) -> str:
    """What must be known to compute what the feature holds."""
    if buckets := feature.treatment.buckets:
        return f"the CRC-32 of the text in UTF-8, modulo {buckets}; NaN where there is none"
    return f"the {feature.width} numbers of tasks/modalities' view of kind {feature.kind}, settings {feature.settings}"


def _refused(feature: Feature, needs: str) -> UsageError:
    return UsageError(
        f"The feature {feature.name!r} cannot be computed within the file",
        expected="what ONNX and onnxruntime have nodes for",
        found=needs,
        action=f"Add `--as-input {feature.name}`, and the caller computes it; "
        "or take `--to docker`, which computes everything",
    )


def _check_named(card: ModelCard, as_input: Sequence[str]) -> None:
    known = [
        each.name for each in card.features if each.expression or each.treatment.buckets or each.kind in MODALITIES
    ]
    for name in as_input:
        if name not in known:
            raise UsageError(
                f"--as-input {name}",
                expected=f"a feature that is computed: {', '.join(known) or 'this model has none'}",
                action=perhaps(name, known, "Leave it out: raw columns are inputs anyway"),
            )
