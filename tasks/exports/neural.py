"""Fitted multi-layer perceptrons as their layers."""

from __future__ import annotations

from typing import Any

from sklearn.neural_network import MLPClassifier, MLPRegressor

from tasks.exports.graph import Graph, convert, refuse
from tasks.exports.linear import affine

ACTIVATIONS = {"relu": "Relu", "tanh": "Tanh", "logistic": "Sigmoid", "identity": None, "softmax": "Softmax"}


@convert.register(MLPClassifier)
@convert.register(MLPRegressor)
def _layers(fitted: Any, graph: Graph, x: str) -> str:
    if fitted.n_outputs_ != 1 and fitted.out_activation_ != "softmax":
        raise refuse(fitted, f"{fitted.n_outputs_} targets", "one target")
    last = len(fitted.coefs_) - 1
    for layer, (weights, bias) in enumerate(zip(fitted.coefs_, fitted.intercepts_, strict=True)):
        x = affine(graph, x, weights.T, bias)
        activation = ACTIVATIONS[fitted.out_activation_ if layer == last else fitted.activation]
        if activation:
            x = graph.add(activation, x, axis=1) if activation == "Softmax" else graph.add(activation, x)
    return x
