"""Declared features as nodes of an ONNX graph: the third backend of the functions in core/functions.

A number and a truth value (1 or 0) are doubles, missing is NaN; a date is its microseconds since 1970 in UTC, which a
double holds to the year 2255; a text is a string, missing is "".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from tasks.core.functions import FUNCTIONS, Type
from tasks.core.signatures import CONSTANTS
from tasks.core.syntax import Literal, Name, Node
from tasks.exports.graph import Graph

MISSING = np.array(np.nan)
ZERO, ONE = np.array(0.0), np.array(1.0)
NOTHING = np.array([""], dtype=object)


class Value(NamedTuple):
    """A column of the graph: its name there, and what its values are."""

    name: str
    type: Type


class NotInGraph(Exception):
    """The function has no nodes."""

    def __init__(self, function: str) -> None:
        super().__init__(function)
        self.function = function


GROUPS = {"any": "same", "ordered": "same", "constant": "same", "other": "other", "other constant": "other"}
"""By what an argument may be: what a function `gives` that is of its type."""

Write = Callable[..., str]
"""From the graph, the arguments as Values and the constants as they are, to the name of the result."""


def written(graph: Graph, node: Node, columns: Mapping[str, Value], table: Mapping[str, Write]) -> Value:
    """The expression's value in the graph; NotInGraph when it asks for a function that the table does not have."""
    if isinstance(node, Name):
        return columns[node.name]
    if isinstance(node, Literal):
        return _constant(graph, node.value)
    function = FUNCTIONS[node.function]
    if node.function not in table:
        raise NotInGraph(node.function)
    wanted = function.wanted(len(node.arguments)) or ()
    arguments: list[object] = []
    groups: dict[str, Type] = {}
    for argument, kind in zip(node.arguments, wanted, strict=True):
        if kind in CONSTANTS and isinstance(argument, Literal):
            arguments.append(argument.value)
            found = _constant(graph, argument.value)
        else:
            found = written(graph, argument, columns, table)
            arguments.append(found)
        groups.setdefault(GROUPS.get(kind, kind), found.type)
    made = table[node.function](graph, *arguments)
    gives = function.gives if function.gives not in ("same", "other") else groups[function.gives]
    return Value(finite(graph, made) if gives == "number" else made, gives)


def finite(graph: Graph, number: str) -> str:
    """The number where it is finite, else missing."""
    return graph.add("Where", graph.add("Less", graph.add("Abs", number), np.array(np.inf)), number, MISSING)


def is_missing(graph: Graph, value: Value) -> str:
    """Whether there is no value."""
    return graph.add("Equal", value.name, NOTHING) if value.type == "text" else graph.add("IsNaN", value.name)


def missing(graph: Graph, kind: Type) -> str:
    """What stands for no value of that type."""
    return graph.constant(NOTHING if kind == "text" else MISSING)


def known(graph: Graph, result: str, *numbers: Value) -> str:
    """The result where none of the numbers is missing: x - x is 0 unless it is, and 1 ^ NaN is 1 by itself."""
    for number in numbers:
        result = graph.add("Add", result, graph.add("Sub", number.name, number.name))
    return result


def looked_up(graph: Graph, key: str, keys: list[object], values: list[object], default: object) -> str:
    """The value of each key, else the default: texts and doubles, either way."""
    as_keys, as_values, as_default = (_tensor(each) for each in (keys, values, [default]))
    return graph.add(
        "LabelEncoder",
        key,
        domain="ai.onnx.ml",
        keys_tensor=as_keys,
        values_tensor=as_values,
        default_tensor=as_default,
    )


def _tensor(values: list[object]) -> np.ndarray:
    texts = isinstance(values[0], str)
    return np.array(values, dtype=object if texts else np.float64)


def _constant(graph: Graph, value: float | str | bool) -> Value:
    if isinstance(value, str):
        if not value:
            raise NotInGraph("''")  # it is no missing text, and a graph cannot tell the two apart
        return Value(graph.constant(np.array([value], dtype=object)), "text")
    return Value(graph.constant(np.array(float(value))), "boolean" if isinstance(value, bool) else "number")
