"""Fitted transformers of counted terms: weights by rarity, lengths of rows, and components of what is not centred."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.preprocessing import Normalizer

from tasks.exports.graph import Graph, convert

ZERO, ONE = np.array(0.0), np.array(1.0)


@convert.register(TfidfTransformer)
def _rarity(fitted: Any, graph: Graph, x: str) -> str:
    if fitted.sublinear_tf:
        there = graph.add("Not", graph.add("Equal", x, ZERO))
        logarithm = graph.add("Log", graph.add("Where", there, x, ONE))
        x = graph.add("Where", there, graph.add("Add", logarithm, ONE), ZERO)
    if fitted.use_idf:
        x = graph.add("Mul", x, fitted.idf_)
    return x if fitted.norm is None else _normalised(graph, x, fitted.norm)


@convert.register(Normalizer)
def _normalizer(fitted: Any, graph: Graph, x: str) -> str:
    return _normalised(graph, x, fitted.norm)


@convert.register(TruncatedSVD)
def _components(fitted: Any, graph: Graph, x: str) -> str:
    return graph.add("MatMul", x, fitted.components_.T)


def _normalised(graph: Graph, x: str, norm: str) -> str:
    """Each row by its length; a row of zeros stays."""
    columns = np.array([1])
    operator = {"l1": "ReduceL1", "l2": "ReduceL2", "max": "ReduceMax"}[norm]
    length = graph.add(operator, graph.add("Abs", x) if norm == "max" else x, columns, keepdims=1)
    return graph.add("Div", x, graph.add("Where", graph.add("Equal", length, ZERO), ONE, length))
