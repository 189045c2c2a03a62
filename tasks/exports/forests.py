"""Fitted trees, forests and boosted trees as TreeEnsemble nodes.

The stock converters go wrong on missing values, ties and native categories. Two rules cure that: scikit-learn's own
trees compare float32(x) with the threshold, so a float64 node must switch at the midpoint between two float32
values; HistGradientBoosting compares doubles.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from tasks.exports.graph import Graph, convert, refuse
from tasks.exports.trees import LESS_OR_EQUAL, MEMBER, Trees, node_array, switch_points

LINKS = {
    "HalfSquaredError": None,
    "AbsoluteError": None,
    "PinballLoss": None,
    "HalfBinomialLoss": "Sigmoid",
    "HalfMultinomialLoss": "Softmax",
    "HalfPoissonLoss": "Exp",
    "HalfGammaLoss": "Exp",
}


@convert.register(DecisionTreeClassifier)
@convert.register(DecisionTreeRegressor)
def _tree(fitted: Any, graph: Graph, x: str) -> str:
    return forest([fitted], graph, x)


@convert.register(RandomForestClassifier)
@convert.register(RandomForestRegressor)
@convert.register(ExtraTreesClassifier)
@convert.register(ExtraTreesRegressor)
def _trees(fitted: Any, graph: Graph, x: str) -> str:
    return forest(fitted.estimators_, graph, x)


def forest(estimators: list[Any], graph: Graph, x: str) -> str:
    """The mean over scikit-learn trees. For several classes each tree names its leaf, and a table has the leaves'
    probabilities: a leaf can have but one target, and a copy of every tree for each class would be far larger."""
    if estimators[0].n_outputs_ != 1:
        raise refuse(estimators[0], f"{estimators[0].n_outputs_} targets", "one target")
    n_classes = int(np.max(getattr(estimators[0], "n_classes_", 1)))
    trees, table = Trees(), []
    for number, estimator in enumerate(estimators):
        tree = estimator.tree_
        left, right = tree.children_left, tree.children_right
        splits = switch_points(tree.threshold)
        nodes = node_array(tree.feature, splits, LESS_OR_EQUAL, tree.missing_go_to_left, left, right)
        if n_classes > 2:
            value = tree.value[left < 0, 0, :]
            table.append(value / value.sum(axis=1, keepdims=True))
            trees.add(nodes, trees.n_leaves + np.cumsum(left < 0) - 1.0, number)
        else:
            value = tree.value[:, 0, :]
            share = value[:, 1] / value.sum(axis=1) if n_classes == 2 else value[:, 0]
            trees.add(nodes, share / len(estimators), 0)
    if not table:
        return trees.write(graph, x, 1)
    leaf = graph.add("Cast", trees.write(graph, x, len(estimators)), to=7)
    values = graph.add("Gather", np.concatenate(table), leaf, axis=0)
    return graph.add("ReduceMean", values, np.array([1]), keepdims=0)


@convert.register(HistGradientBoostingClassifier)
@convert.register(HistGradientBoostingRegressor)
def _boosting(fitted: Any, graph: Graph, x: str) -> str:
    loss = type(fitted._loss).__name__
    if loss not in LINKS:
        raise refuse(fitted, f"the loss {loss}", f"one of {', '.join(LINKS)}")
    columns, categories = _categorical(fitted)
    trees = Trees()
    for predictors in fitted._predictors:
        for target, predictor in enumerate(predictors):
            node = predictor.nodes
            leaf = node["is_leaf"].astype(bool)
            left = np.where(leaf, -1, node["left"].astype(np.int64))
            right = np.where(leaf, -1, node["right"].astype(np.int64))
            nodes = node_array(
                columns[node["feature_idx"]],
                node["num_threshold"],
                LESS_OR_EQUAL,
                node["missing_go_to_left"],
                left,
                right,
            )
            members = _members(nodes, node, predictor.raw_left_cat_bitsets, categories, leaf)
            trees.add(nodes, node["value"], target, members)
    raw = trees.write(graph, x, fitted.n_trees_per_iteration_)
    raw = graph.add("Add", raw, np.asarray(fitted._baseline_prediction, dtype=float).reshape(1, -1))
    link = LINKS[loss]
    return raw if link is None else graph.add(link, raw, axis=1) if link == "Softmax" else graph.add(link, raw)


def _categorical(fitted: Any) -> tuple[NDArray[np.int64], list[list[float]]]:
    """For each of the columns that the trees see the matrix's column, and for each native category its known codes."""
    if fitted.is_categorical_ is None:
        return np.arange(fitted.n_features_in_), []
    mask = np.asarray(fitted.is_categorical_)
    encoder = fitted._preprocessor.named_transformers_["encoder"]
    known = [[float(code) for code in codes if code == code] for codes in encoder.categories_]
    return np.concatenate([np.flatnonzero(mask), np.flatnonzero(~mask)]), known


def _members(
    nodes: NDArray[Any], node: NDArray[Any], bitsets: NDArray[Any], categories: list[list[float]], leaf: NDArray[Any]
) -> dict[int, list[float]]:
    """Turn splits on a native category into membership splits, in place; the codes that go left, by node.

    An unknown category goes where a missing one goes. A missing value is no member of anything, so where missing
    goes left the sides are swapped and the members are those known codes that go right. Codes are whole numbers:
    onnxruntime looks at a fraction as at the whole number below it.
    """
    members: dict[int, list[float]] = {}
    for i in np.flatnonzero(node["is_categorical"].astype(bool) & ~leaf):
        known = categories[int(node["feature_idx"][i])]
        words = bitsets[int(node["bitset_idx"][i])]
        goes_left = [bool(int(words[code // 32]) >> (code % 32) & 1) for code in range(len(known))]
        missing_left = bool(nodes["missing_left"][i])
        chosen = [code for code, left in zip(known, goes_left, strict=True) if left != missing_left]
        if missing_left:
            nodes["left"][i], nodes["right"][i] = nodes["right"][i], nodes["left"][i]
        nodes["missing_left"][i] = False
        nodes["mode"][i], nodes["split"][i] = (MEMBER, 0.0) if chosen else (LESS_OR_EQUAL, -np.inf)
        members[int(i)] = chosen
    return members
