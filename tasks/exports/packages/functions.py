"""What the functions of declared features are in ONNX, as far as onnxruntime has these nodes in float64.

Where the result of a node with a missing argument is not missing, or is not Python's, nodes more say so.
"""

from __future__ import annotations

import math
import re

import numpy as np

from tasks.exports.graph import Graph
from tasks.exports.packages.expressions import (
    MISSING,
    NOTHING,
    ONE,
    ZERO,
    NotInGraph,
    Value,
    Write,
    is_missing,
    known,
    looked_up,
    missing,
)


def _node(operator: str) -> Write:
    return lambda graph, *values: known(graph, graph.add(operator, *(each.name for each in values)), *values)


def _remainder(graph: Graph, a: Value, b: Value) -> str:
    """Python's, whose sign is the divisor's."""
    rest = graph.add("Mod", a.name, b.name, fmod=1)
    other_side = graph.add("Less", graph.add("Mul", rest, graph.add("Sign", b.name)), ZERO)
    return graph.add("Where", other_side, graph.add("Add", rest, b.name), rest)


def _log1p(graph: Graph, x: Value) -> str:
    """log(1 + x) without what the sum loses of a small x (Kahan's way)."""
    one_more = graph.add("Add", x.name, ONE)
    kept = graph.add("Sub", one_more, ONE)
    factor = graph.add("Div", x.name, kept)
    exact = graph.add("Mul", graph.add("Log", one_more), factor)
    return graph.add("Where", graph.add("Equal", kept, ZERO), x.name, exact)


def _round(graph: Graph, x: Value, digits: float = 0) -> str:
    scale = np.array(10.0**digits)
    return graph.add("Div", graph.add("Round", graph.add("Mul", x.name, scale)), scale)


def _clip(graph: Graph, x: Value, low: float, high: float) -> str:
    return known(graph, graph.add("Min", graph.add("Max", x.name, np.array(low)), np.array(high)), x)


def _bin(graph: Graph, x: Value, *edges: float) -> str:
    above = [graph.number(graph.add("GreaterOrEqual", x.name, np.array(edge))) for edge in edges]
    return known(graph, above[0] if len(above) == 1 else graph.add("Sum", *above), x)


def _wave(operator: str) -> Write:
    def wave(graph: Graph, x: Value, period: float) -> str:
        turns = graph.add("Div", x.name, np.array(period))
        return graph.add(operator, graph.add("Mul", turns, np.array(2 * math.pi)))

    return wave


def _compared(operator: str, negated: bool = False) -> Write:
    def compared(graph: Graph, a: Value, b: Value) -> str:
        if a.type == "text" and operator != "Equal":
            raise NotInGraph(f"the order of texts ({operator})")
        holds = graph.add(operator, a.name, b.name)
        found = graph.number(graph.add("Not", holds) if negated else holds)
        if a.type != "text":
            return known(graph, found, a, b)
        return graph.add("Where", graph.add("Or", is_missing(graph, a), is_missing(graph, b)), MISSING, found)

    return compared


def _and(graph: Graph, a: Value, b: Value) -> str:
    false = graph.add("Or", graph.add("Equal", a.name, ZERO), graph.add("Equal", b.name, ZERO))
    return graph.add("Where", false, ZERO, graph.add("Mul", a.name, b.name))


def _or(graph: Graph, a: Value, b: Value) -> str:
    true = graph.add("Or", graph.add("Equal", a.name, ONE), graph.add("Equal", b.name, ONE))
    return graph.add("Where", true, ONE, graph.add("Add", a.name, b.name))


def _case(graph: Graph, *arguments: Value) -> str:
    kind = arguments[1].type
    result = arguments[-1].name if len(arguments) % 2 else missing(graph, kind)
    for at in range(len(arguments) // 2 * 2 - 2, -1, -2):
        condition, value = arguments[at], arguments[at + 1]
        otherwise = graph.add("Where", graph.add("Equal", condition.name, ZERO), result, missing(graph, kind))
        result = graph.add("Where", graph.add("Equal", condition.name, ONE), value.name, otherwise)
    return result


def _coalesce(graph: Graph, *arguments: Value) -> str:
    result = arguments[-1].name
    for each in reversed(arguments[:-1]):
        result = graph.add("Where", is_missing(graph, each), result, each.name)
    return result


def _nullif(graph: Graph, a: Value, b: Value) -> str:
    return graph.add("Where", graph.add("Equal", a.name, b.name), missing(graph, a.type), a.name)


def _one_of(graph: Graph, value: Value, *constants: object) -> str:
    found = looked_up(graph, value.name, list(constants), [1.0] * len(constants), 0.0)
    return graph.add("Where", is_missing(graph, value), MISSING, found)


def _map(graph: Graph, key: Value, *arguments: object) -> str:
    n_pairs = len(arguments) // 2
    keys, values = list(arguments[0 : 2 * n_pairs : 2]), list(arguments[1 : 2 * n_pairs : 2])
    texts = isinstance(values[0], str)
    nothing = graph.constant(NOTHING if texts else MISSING)
    default = arguments[-1].name if len(arguments) % 2 and isinstance(arguments[-1], Value) else nothing
    found = looked_up(graph, key.name, keys, values, "" if texts else math.nan)
    is_known = graph.add("Equal", looked_up(graph, key.name, keys, [1.0] * n_pairs, 0.0), ONE)
    return graph.add("Where", is_missing(graph, key), nothing, graph.add("Where", is_known, found, default))


def _concat(graph: Graph, *texts: Value) -> str:
    joined, none = texts[0].name, is_missing(graph, texts[0])
    for each in texts[1:]:
        joined = graph.add("StringConcat", joined, each.name)
        none = graph.add("Or", none, is_missing(graph, each))
    return graph.add("Where", none, NOTHING, joined)


def _holds(before: str, after: str) -> Write:
    def holds(graph: Graph, text: Value, part: str) -> str:
        found = graph.number(graph.add("RegexFullMatch", text.name, pattern=f"(?s){before}{re.escape(part)}{after}"))
        return graph.add("Where", is_missing(graph, text), MISSING, found)

    return holds


TABLE: dict[str, Write] = {
    **{"+": _node("Add"), "-": _node("Sub"), "*": _node("Mul"), "/": _node("Div"), "%": _remainder, "^": _node("Pow")},
    **{name: _node(name.capitalize()) for name in ("abs", "sign", "sqrt", "exp", "log", "floor", "ceil", "min", "max")},
    **{"unary -": _node("Neg"), "sin": _node("Sin"), "cos": _node("Cos"), "log1p": _log1p, "round": _round},
    "tan": lambda graph, x: graph.add("Div", graph.add("Sin", x.name), graph.add("Cos", x.name)),
    "pi": lambda graph: graph.constant(np.array(math.pi)),
    "radians": lambda graph, x: graph.add("Mul", x.name, np.array(math.pi / 180)),
    **{"clip": _clip, "bin": _bin, "cycle_sin": _wave("Sin"), "cycle_cos": _wave("Cos")},
    **{"==": _compared("Equal"), "!=": _compared("Equal", negated=True), "<": _compared("Less")},
    **{"<=": _compared("LessOrEqual"), ">": _compared("Greater"), ">=": _compared("GreaterOrEqual")},
    **{"and": _and, "or": _or, "not": lambda graph, a: graph.add("Sub", ONE, a.name), "if": _case, "case": _case},
    "is_missing": lambda graph, value: graph.number(is_missing(graph, value)),
    **{"coalesce": _coalesce, "nullif": _nullif, "one_of": _one_of, "map": _map, "concat": _concat},
    **{"contains": _holds(".*", ".*"), "starts_with": _holds("", ".*"), "ends_with": _holds(".*", "")},
}
