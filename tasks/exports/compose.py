"""What is made of other fitted objects: pipelines, column transformers, transformed targets; and baselines."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.feature_selection import SelectorMixin
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from tasks.exports.graph import Graph, convert, refuse
from tasks.modalities import cycles
from tasks.modalities.front import STEPS, steps

ONE = np.array(1.0)


@convert.register(Pipeline)
def _pipeline(fitted: Any, graph: Graph, x: str) -> str:
    for _, step in fitted.steps:
        if step is not None and step != "passthrough":
            x = convert(step, graph, x)
    return x


@convert.register(ColumnTransformer)
def _column_transformer(fitted: Any, graph: Graph, x: str) -> str:
    width = fitted.n_features_in_
    weights = fitted.transformer_weights or {}
    blocks = []
    for name, transformer, columns in fitted.transformers_:
        positions = np.arange(width)[columns]
        if len(positions) == 0 or transformer == "drop":
            continue
        block = x if np.array_equal(positions, np.arange(width)) else graph.columns(x, positions)
        block = block if transformer == "passthrough" else convert(transformer, graph, block)
        blocks.append(graph.add("Mul", block, np.array(float(weights[name]))) if name in weights else block)
    return graph.side_by_side(*blocks)


@convert.register(FeatureUnion)
def _union(fitted: Any, graph: Graph, x: str) -> str:
    weights = fitted.transformer_weights or {}
    blocks = []
    for name, transformer in fitted.transformer_list:
        if transformer != "drop":
            block = x if transformer == "passthrough" else convert(transformer, graph, x)
            blocks.append(graph.add("Mul", block, np.array(float(weights[name]))) if name in weights else block)
    return graph.side_by_side(*blocks)


@convert.register(SelectorMixin)
def _selection(fitted: Any, graph: Graph, x: str) -> str:
    return graph.columns(x, fitted.get_support(indices=True))


def function(graph: Graph, x: str, applied: Any) -> str | None:
    """The numpy function applied to x; None when it is not one that the graph knows."""
    simple = {np.exp: "Exp", np.log: "Log", np.sqrt: "Sqrt", np.abs: "Abs", np.negative: "Neg"}
    if applied is None:
        return x
    if applied is np.expm1:
        return graph.add("Sub", graph.add("Exp", x), ONE)
    if applied is np.log1p:
        return graph.add("Log", graph.add("Add", x, ONE))
    if applied is np.square:
        return graph.add("Mul", x, x)
    if applied is cycles.waves:
        return _waves(graph, x)
    for cycle, length, first in (
        (cycles.year, cycles.YEAR, 0.0),
        (cycles.week, cycles.WEEK, cycles.FIRST_MONDAY),
        (cycles.day, cycles.DAY, 0.0),
    ):
        if applied is cycle:
            turns = graph.add("Div", graph.add("Sub", x, np.array(first)) if first else x, np.array(length))
            return graph.add("Sub", turns, graph.add("Floor", turns))
    if applied is steps:
        return graph.add("Div", graph.add("Round", graph.add("Mul", x, np.array(STEPS))), np.array(STEPS))
    return graph.add(simple[applied], x) if applied in simple else None


def _waves(graph: Graph, x: str) -> str:
    angles = graph.add("Mul", x, np.array(2 * np.pi))
    times = [graph.add("Mul", angles, np.array(float(number))) for number in range(1, cycles.HARMONICS + 1)]
    found = graph.side_by_side(*(graph.add(wave, each) for each in times for wave in ("Sin", "Cos")))
    return graph.add("Where", graph.add("IsNaN", found), np.array(0.0), found)


@convert.register(FunctionTransformer)
def _function(fitted: Any, graph: Graph, x: str) -> str:
    result = None if fitted.kw_args else function(graph, x, fitted.func)
    if result is None:
        raise refuse(
            fitted, f"func={fitted.func}", "one of numpy's exp, expm1, log, log1p, sqrt, square, abs, negative"
        )
    return result


@convert.register(TransformedTargetRegressor)
def _transformed_target(fitted: Any, graph: Graph, x: str) -> str:
    value = convert(fitted.regressor_, graph, x)
    back = fitted.transformer_
    if isinstance(back, StandardScaler):
        scaled = value if back.scale_ is None else graph.add("Mul", value, back.scale_)
        return scaled if back.mean_ is None or not back.with_mean else graph.add("Add", scaled, back.mean_)
    if not isinstance(back, FunctionTransformer):
        raise refuse(fitted, f"transformer={back}", "functions of numpy or a StandardScaler")
    result = None if back.inv_kw_args else function(graph, value, back.inverse_func)
    if result is None:
        raise refuse(fitted, f"inverse_func={back.inverse_func}", "numpy's exp, expm1, log, log1p, sqrt or square")
    return result


@convert.register(DummyClassifier)
def _prior(fitted: Any, graph: Graph, x: str) -> str:
    if fitted.strategy not in ("prior", "most_frequent", "uniform"):
        raise refuse(fitted, f"strategy={fitted.strategy!r}", "strategy='prior', 'most_frequent' or 'uniform'")
    shares = fitted.predict_proba(np.zeros((1, fitted.n_features_in_)))
    return constant_rows(graph, x, shares[:, 1:] if len(fitted.classes_) == 2 else shares)


@convert.register(DummyRegressor)
def _constant(fitted: Any, graph: Graph, x: str) -> str:
    if fitted.n_outputs_ != 1:
        raise refuse(fitted, f"{fitted.n_outputs_} targets", "one target")
    return constant_rows(graph, x, fitted.constant_)


def constant_rows(graph: Graph, x: str, row: Any) -> str:
    """The same row as often as x has rows."""
    values = np.asarray(row, dtype=float).reshape(1, -1)
    n_rows = graph.add("Shape", x, start=0, end=1)
    return graph.add("Expand", values, graph.add("Concat", n_rows, np.array([values.shape[1]]), axis=0))
