"""Fitted linear models as a matrix product with its link."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.linear_model import (
    BayesianRidge,
    ElasticNet,
    ElasticNetCV,
    GammaRegressor,
    HuberRegressor,
    Lasso,
    LassoCV,
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
    PoissonRegressor,
    QuantileRegressor,
    Ridge,
    RidgeCV,
    SGDClassifier,
    SGDRegressor,
    TweedieRegressor,
)

from tasks.exports.graph import Graph, convert, refuse


def affine(graph: Graph, x: str, coefficients: Any, intercept: Any) -> str:
    """x times the coefficients, given as one row an output, plus the intercept."""
    weights = np.atleast_2d(np.asarray(coefficients, dtype=float)).T
    bias = np.broadcast_to(np.asarray(intercept, dtype=float).ravel(), (weights.shape[1],))
    return graph.add("Add", graph.add("MatMul", x, weights), bias)


@convert.register(LinearRegression)
@convert.register(Ridge)
@convert.register(RidgeCV)
@convert.register(Lasso)
@convert.register(LassoCV)
@convert.register(ElasticNet)
@convert.register(ElasticNetCV)
@convert.register(SGDRegressor)
@convert.register(HuberRegressor)
@convert.register(BayesianRidge)
@convert.register(QuantileRegressor)
def _values(fitted: Any, graph: Graph, x: str) -> str:
    if np.ndim(fitted.coef_) == 2 and len(fitted.coef_) != 1:
        raise refuse(fitted, f"{len(fitted.coef_)} targets", "one target")
    return affine(graph, x, fitted.coef_, fitted.intercept_)


@convert.register(PoissonRegressor)
@convert.register(GammaRegressor)
@convert.register(TweedieRegressor)
def _generalised(fitted: Any, graph: Graph, x: str) -> str:
    link = type(fitted._base_loss.link).__name__
    if link not in ("LogLink", "IdentityLink"):
        raise refuse(fitted, f"the link {link}", "LogLink or IdentityLink")
    value = affine(graph, x, fitted.coef_, fitted.intercept_)
    return graph.add("Exp", value) if link == "LogLink" else value


@convert.register(LogisticRegression)
@convert.register(LogisticRegressionCV)
def _logistic(fitted: Any, graph: Graph, x: str) -> str:
    score = affine(graph, x, fitted.coef_, fitted.intercept_)
    return graph.add("Sigmoid", score) if len(fitted.classes_) == 2 else graph.add("Softmax", score, axis=1)


@convert.register(SGDClassifier)
def _one_against_rest(fitted: Any, graph: Graph, x: str) -> str:
    if fitted.loss != "log_loss":
        raise refuse(fitted, f"loss={fitted.loss!r}", "loss='log_loss', which gives probabilities")
    each = graph.add("Sigmoid", affine(graph, x, fitted.coef_, fitted.intercept_))
    if len(fitted.classes_) == 2:
        return each
    total = graph.add("ReduceSum", each, np.array([1]), keepdims=1)
    nothing = graph.add("Equal", total, np.array(0.0))  # every class ruled out: all alike, as scikit-learn says
    return graph.add("Where", nothing, np.array(1 / len(fitted.classes_)), graph.add("Div", each, total))
