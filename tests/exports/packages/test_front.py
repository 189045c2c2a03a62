"""What the graph makes of raw columns is the model's matrix: each function of declared features is there, too."""

from __future__ import annotations

import math
from datetime import datetime
from itertools import product

import numpy as np
import onnxruntime
import polars as pl
import pytest
from onnx import ModelProto, TensorProto, helper

from tasks.core import syntax
from tasks.core.errors import UsageError
from tasks.core.expressions import with_declared
from tasks.core.functions import FUNCTIONS
from tasks.core.model_records import ModelCard
from tasks.core.records import Column, Feature, FeatureKind, Target, Treatment
from tasks.core.signatures import type_of
from tasks.exports.graph import IR_VERSION, OPSETS, Graph
from tasks.exports.packages import rows
from tasks.exports.packages.front import TABLE, Front
from tasks.exports.parity import largest_difference
from tasks.modalities.matrix import matrix

TYPES = {
    "number": ("rooms", "baths", "price", "area", "latitude"),
    "text": ("city", "name"),
    "boolean": ("is_new",),
    "date": ("built", "sold"),
}
COLUMNS = tuple(Column(name=name, type=kind, n_missing=0) for kind, names in TYPES.items() for name in names)  # pyright: ignore[reportArgumentType]
NUMBERS = [0.0, -0.0, 1.0, 2.0, 2.5, -3.5, 0.5, 50.0, 1e-9, 1e6 + 1, 1e300, -1e30, -999.0, 710.0, None, math.nan]
DATES = [
    datetime.fromisoformat(text)
    for text in (
        "1970-01-01", "1969-12-31 23:59:59.999999", "2000-02-29 12:00", "2100-03-01", "2024-12-31 23:59:59",
        "1900-03-01", "2023-01-01",
    )
]  # fmt: skip
MORE = (
    "area ^ rooms", "area ^ 0.5", "-price % 7", "price % -7", "min(rooms, baths)", "round(area)", "log1p(price)",
    "not (rooms > 2)", "is_new and rooms > 2 or baths < 1", "if(is_missing(price), 'none', city)",
    "case(rooms < 2, 1, rooms < 5, 2)", "coalesce(city, name)", "one_of(rooms, 2, 2.5)", "map(rooms, 2, 'two', 'more')",
    "map(city, 'Paris', 'x')", "map(is_new, true, 2, 3)", "nullif(city, 'Paris')", "contains(name, 'a.b')",
    "city != name", "area * pi()", "concat(city, '_', name)", "is_new == (rooms > 2)", "tan(latitude)",
    "days_since(sold, '1999-12-31')", "dayofyear(built)",
)  # fmt: skip


def asked(features: tuple[Feature, ...], frame: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """The model's matrix, and that of the graph."""
    card = ModelCard(
        project="p",
        target=Target(name="y", problem="regression"),
        metric="rmse",
        inputs=COLUMNS,
        features=features,
        members=(),
        data_digest="",
        sample=(),
    )
    graph = Graph("row/")
    front = Front(card, (), graph)
    made = graph.part()
    made.node.append(helper.make_node("Identity", [front.matrix], ["X"]))
    made.output.append(helper.make_tensor_value_info("X", TensorProto.DOUBLE, ["n", len(features)]))
    for port in front.inputs.values():
        kind = TensorProto.STRING if port.type == "text" else TensorProto.DOUBLE
        made.input.append(helper.make_tensor_value_info(port.name, kind, ["n", 1]))
    model = ModelProto(ir_version=IR_VERSION, graph=made)
    model.opset_import.extend(helper.make_opsetid(*each) for each in OPSETS)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    found = session.run(None, rows.feeds(frame, card, list(front.inputs.values())))[0]
    return matrix(with_declared(frame, features), features), np.asarray(found)


def functions_in(text: str) -> set[str]:
    found, waiting = set[str](), [syntax.parse(text)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, syntax.Call):
            found.add(node.function)
            waiting.extend(node.arguments)
    return found


def houses() -> pl.DataFrame:
    rng = np.random.default_rng(2)
    pools = {
        "number": NUMBERS,
        "text": ["Paris", "Lyon", "a.b", "xa.by", "axb\na.b", "", None, "San José", "Béville"],
        "boolean": [True, False, None],
        "date": [*DATES, None],
    }
    drawn: dict[str, list[object]] = {}
    for column in COLUMNS:
        pool = pools[column.type]
        drawn[column.name] = [pool[n] for n in rng.integers(len(pool), size=400)]
    pairs = list(product(NUMBERS, NUMBERS))
    drawn["rooms"][: len(pairs)] = [a for a, _ in pairs]
    drawn["area"][: len(pairs)] = [b for _, b in pairs]
    kinds = {"number": pl.Float64, "text": pl.String, "boolean": pl.Boolean, "date": pl.Datetime("us")}
    return pl.DataFrame(drawn, schema={column.name: kinds[column.type] for column in COLUMNS})


def test_every_function_that_is_told_to_be_in_the_graph_gives_there_what_it_gives_here() -> None:
    types = {column.name: column.type for column in COLUMNS}
    frame = houses()
    texts = [
        text
        for text in (*(FUNCTIONS[name].example for name in TABLE if name != "pi"), *MORE)
        if functions_in(text) <= TABLE.keys()
    ]
    assert set().union(*map(functions_in, texts)) == TABLE.keys()
    features = []
    for text in texts:
        kind: FeatureKind = {"text": "category"}.get(type_of(text, types), type_of(text, types))  # pyright: ignore
        levels: tuple[str, ...] = ()
        if kind == "category":
            made = with_declared(frame, [Feature(name="made", kind="category", expression=text)])["made"]
            levels = tuple(made.drop_nulls().unique().sort().to_list()[:-1])
        features.append(Feature(name=text, kind=kind, expression=text, levels=levels))
    expected, found = asked(tuple(features), frame)
    for number, text in enumerate(texts):
        assert np.array_equal(np.isnan(expected[:, number]), np.isnan(found[:, number])), text
        assert len(np.unique(expected[:, number])) > 1, text
        # The last bits of exp, log and powers are each library's own.
        a, b = np.nan_to_num(expected[:, number]), np.nan_to_num(found[:, number])
        assert largest_difference(a, b) < 1e-13, text


def test_a_function_that_is_not_in_the_graph_is_refused_with_both_ways_out() -> None:
    absent = [name for name in FUNCTIONS if name not in TABLE]
    assert {"extract", "lower", "local"} < set(absent)
    for name in absent:
        feature = Feature(name="made", kind="category", expression=FUNCTIONS[name].example)
        with pytest.raises(UsageError, match=r"`\w+` of .*--as-input made.*--to docker"):
            asked((feature,), houses())
    hashed = Feature(name="city", kind="category", treatment=Treatment(encode="hash", buckets=300))
    for feature in (hashed, Feature(name="name", kind="text", width=7, settings="{}")):
        with pytest.raises(UsageError, match=f"--as-input {feature.name}"):
            asked((feature,), houses())
