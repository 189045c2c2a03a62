"""Fitted transformers of numbers: scaling, powers, components, landmarks."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.kernel_approximation import Nystroem
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    PowerTransformer,
    RobustScaler,
    StandardScaler,
)

from tasks.exports.graph import Graph, convert, refuse


@convert.register(StandardScaler)
def _standard_scaler(fitted: Any, graph: Graph, x: str) -> str:
    return _shift_and_scale(graph, x, fitted.mean_ if fitted.with_mean else None, fitted.scale_)


@convert.register(RobustScaler)
def _robust_scaler(fitted: Any, graph: Graph, x: str) -> str:
    return _shift_and_scale(graph, x, fitted.center_, fitted.scale_)


@convert.register(MaxAbsScaler)
def _max_abs_scaler(fitted: Any, graph: Graph, x: str) -> str:
    return _shift_and_scale(graph, x, None, fitted.scale_)


@convert.register(MinMaxScaler)
def _min_max_scaler(fitted: Any, graph: Graph, x: str) -> str:
    scaled = graph.add("Add", graph.add("Mul", x, fitted.scale_), fitted.min_)
    if not fitted.clip:
        return scaled
    low, high = fitted.feature_range
    return graph.add("Clip", scaled, np.array(float(low)), np.array(float(high)))


def _shift_and_scale(graph: Graph, x: str, centre: Any, scale: Any) -> str:
    x = x if centre is None else graph.add("Sub", x, centre)
    return x if scale is None else graph.add("Div", x, scale)


@convert.register(PCA)
def _components(fitted: Any, graph: Graph, x: str) -> str:
    projected = graph.add("MatMul", graph.add("Sub", x, fitted.mean_), fitted.components_.T)
    return graph.add("Div", projected, np.sqrt(fitted.explained_variance_)) if fitted.whiten else projected


@convert.register(Nystroem)
def _nystroem(fitted: Any, graph: Graph, x: str) -> str:
    """exp(-gamma |x - landmark|²) of each landmark, times the root of the landmarks' own kernel."""
    if fitted.kernel != "rbf" or fitted.gamma is None:
        raise refuse(fitted, f"kernel={fitted.kernel!r}, gamma={fitted.gamma}", "kernel='rbf' and a gamma")
    landmarks = np.asarray(fitted.components_, dtype=float)
    square = graph.add("ReduceSum", graph.add("Mul", x, x), np.array([1]), keepdims=1)
    product = graph.add("MatMul", x, 2 * landmarks.T)
    distance = graph.add("Add", graph.add("Sub", square, product), (landmarks**2).sum(axis=1)[None, :])
    distance = graph.add("Max", distance, np.array(0.0))
    likeness = graph.add("Exp", graph.add("Mul", distance, np.array(-float(fitted.gamma))))
    return graph.add("MatMul", likeness, fitted.normalization_.T)


@convert.register(PowerTransformer)
def _power(fitted: Any, graph: Graph, x: str) -> str:
    """Box-Cox, or Yeo-Johnson as its two halves, each computed where x has its sign and 0 elsewhere."""
    lambdas = np.asarray(fitted.lambdas_, dtype=float)
    if fitted.method == "box-cox":
        result = _half_power(graph, x, lambdas)
    else:
        zero, one = np.array(0.0), np.array(1.0)
        up = _half_power(graph, graph.add("Add", graph.add("Max", x, zero), one), lambdas)
        down = _half_power(graph, graph.add("Add", graph.add("Max", graph.add("Neg", x), zero), one), 2 - lambdas)
        result = graph.add("Sub", up, down)
    return convert(fitted._scaler, graph, result) if fitted.standardize else result


def _half_power(graph: Graph, base: str, exponents: Any) -> str:
    """(base ** e - 1) / e, and its limit log(base) where e is 0, by column."""
    flat = np.abs(exponents) < np.spacing(1.0)
    powers = np.where(flat, 1.0, exponents)
    curved = graph.add("Div", graph.add("Sub", graph.add("Pow", base, powers), np.array(1.0)), powers)
    if not flat.any():
        return curved
    is_flat = graph.add("Cast", flat.astype(np.int64), to=9)
    return graph.add("Where", is_flat, graph.add("Log", base), curved)
