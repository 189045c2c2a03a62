"""Fitted imputers: what stands for a missing value, and the columns that say where one was."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.experimental import enable_iterative_imputer  # noqa: F401  # pyright: ignore[reportUnusedImport]
from sklearn.impute import IterativeImputer, MissingIndicator, SimpleImputer

from tasks.exports.graph import Graph, convert, refuse
from tasks.modalities.model_imputer import ModelImputer

BOOL = 9


@convert.register(SimpleImputer)
def _imputer(fitted: Any, graph: Graph, x: str) -> str:
    _check_missing(fitted)
    missing = graph.add("IsNaN", x)
    filling = np.asarray(fitted.statistics_, dtype=float)
    filled = graph.add("Where", missing, filling, x)
    if not fitted.keep_empty_features and np.isnan(filling).any():
        filled = graph.columns(filled, np.flatnonzero(~np.isnan(filling)))
    return _with_indicator(fitted, graph, filled, missing)


@convert.register(MissingIndicator)
def _indicator(fitted: Any, graph: Graph, x: str) -> str:
    _check_missing(fitted)
    return graph.columns(graph.number(graph.add("IsNaN", x)), fitted.features_)


@convert.register(ModelImputer)
def _by_model(fitted: Any, graph: Graph, x: str) -> str:
    """Round by round in one matrix: each regression's answer where its column is missing."""
    missing = graph.add("IsNaN", x)
    z = graph.add("Div", graph.add("Sub", x, fitted.centre_), fitted.spread_)
    z = graph.add("Where", missing, np.array(0.0), z)
    for column, weights, intercept in fitted.regressions_:
        found = graph.add("Add", graph.add("MatMul", z, weights[:, None]), np.array(intercept))
        found = _between(graph, found, fitted.low_[column], fitted.high_[column])
        z = _replaced(graph, z, missing, column, fitted.n_features_in_, found)
    filled = graph.add("Add", graph.add("Mul", z, fitted.spread_), fitted.centre_)
    return graph.columns(graph.add("Where", missing, filled, x), list(fitted.imputed))


@convert.register(IterativeImputer)
def _chained(fitted: Any, graph: Graph, x: str) -> str:
    """With linear regressions. Rows that miss everything go through them too, also when they are asked alone."""
    _check_missing(fitted)
    if fitted.sample_posterior:
        raise refuse(fitted, "sample_posterior=True", "sample_posterior=False, which answers the same twice")
    missing, filling = graph.add("IsNaN", x), np.asarray(fitted.initial_imputer_.statistics_, dtype=float)
    empty = np.asarray(fitted._is_empty_feature)
    kept = np.arange(len(empty)) if fitted.keep_empty_features else np.flatnonzero(~empty)
    filled = graph.columns(graph.add("Where", missing, np.nan_to_num(filling), x), kept)
    absent = graph.columns(missing, kept)
    for column, others, regression in fitted.imputation_sequence_:
        if not empty[kept[column]]:
            found = convert(regression, graph, graph.columns(filled, others))
            low, high = fitted._min_value[column], fitted._max_value[column]
            filled = _replaced(graph, filled, absent, column, len(kept), _between(graph, found, low, high))
    return _with_indicator(fitted, graph, filled, missing)


def _between(graph: Graph, x: str, low: float, high: float) -> str:
    return graph.add("Max", graph.add("Min", x, np.array(float(high))), np.array(float(low)))


def _replaced(graph: Graph, x: str, missing: str, column: int, width: int, found: str) -> str:
    """x (n, width) with `found` (n, 1) in that column where it is missing."""
    here = graph.add("Cast", (np.arange(width) == column).astype(np.int64), to=BOOL)
    return graph.add("Where", graph.add("And", missing, here), found, x)


def _with_indicator(fitted: Any, graph: Graph, filled: str, missing: str) -> str:
    if not fitted.add_indicator or len(fitted.indicator_.features_) == 0:
        return filled
    return graph.side_by_side(filled, graph.columns(graph.number(missing), fitted.indicator_.features_))


def _check_missing(fitted: Any) -> None:
    if not (isinstance(fitted.missing_values, float) and np.isnan(fitted.missing_values)):
        raise refuse(fitted, f"missing_values={fitted.missing_values!r}", "missing_values=nan")
