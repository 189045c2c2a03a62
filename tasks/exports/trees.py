"""Fitted trees, forests and boosted trees as one float64 TreeEnsemble node each (ai.onnx.ml 5).

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

LESS_OR_EQUAL, LESS, MEMBER = 0, 1, 6
SUM = 1
LINKS = {
    "HalfSquaredError": None,
    "AbsoluteError": None,
    "PinballLoss": None,
    "HalfBinomialLoss": "Sigmoid",
    "HalfMultinomialLoss": "Softmax",
    "HalfPoissonLoss": "Exp",
    "HalfGammaLoss": "Exp",
}


class Trees:
    """Trees, added as arrays over their nodes, that become one node of the graph."""

    def __init__(self) -> None:
        self._nodes: list[NDArray[Any]] = []
        self._leaves: list[NDArray[Any]] = []
        self._members: list[float] = []
        self._roots: list[int] = []
        self._n_nodes = 0
        self.n_leaves = 0

    def add(
        self, nodes: NDArray[Any], weight: NDArray[Any], target: int, members: dict[int, list[float]] | None = None
    ) -> None:
        """One tree, its root first. `nodes` has the fields of `node_array`, `weight` is a leaf's value.

        `members` gives, for nodes that ask for a category, the categories that go left.
        """
        leaf = nodes["left"] < 0
        if len(nodes) == 1:  # a node needs branches: both lead to the one leaf
            nodes, weight, leaf = nodes[[0, 0]], weight[[0, 0]], np.array([False, True])
            nodes["left"] = nodes["right"] = (1, -1)
        position = np.where(leaf, np.cumsum(leaf) - 1 + self.n_leaves, np.cumsum(~leaf) - 1 + self._n_nodes)
        inner = nodes[~leaf]
        written = np.empty(len(inner), WRITTEN)
        for field in ("feature", "split", "missing_left"):
            written[field] = inner[field]
        for side in ("left", "right"):
            written[side], written[f"{side}_leaf"] = position[inner[side]], leaf[inner[side]]
        written["mode"] = inner["mode"]
        for node in np.flatnonzero(~leaf & (nodes["mode"] == MEMBER)):
            self._members += [*(members or {})[int(node)], np.nan]
        self._roots.append(self._n_nodes)
        self._nodes.append(written)
        self._leaves.append(np.column_stack([weight[leaf], np.full(leaf.sum(), target)]))
        self._n_nodes += len(inner)
        self.n_leaves += int(leaf.sum())

    def write(self, graph: Graph, x: str, n_targets: int) -> str:
        """The sum of the leaves that a row falls into, by target: (n, n_targets)."""
        nodes, leaves = np.concatenate(self._nodes), np.concatenate(self._leaves)
        attributes = {
            "nodes_featureids": nodes["feature"].astype(np.int64),
            "nodes_modes": nodes["mode"].astype(np.uint8),
            "nodes_splits": nodes["split"].astype(np.float64),
            "nodes_truenodeids": nodes["left"].astype(np.int64),
            "nodes_trueleafs": nodes["left_leaf"].astype(np.int64),
            "nodes_falsenodeids": nodes["right"].astype(np.int64),
            "nodes_falseleafs": nodes["right_leaf"].astype(np.int64),
            "leaf_targetids": leaves[:, 1].astype(np.int64),
            "leaf_weights": leaves[:, 0].copy(),
            "tree_roots": np.array(self._roots, dtype=np.int64),
        }
        if nodes["missing_left"].any():
            attributes["nodes_missing_value_tracks_true"] = nodes["missing_left"].astype(np.int64)
        if self._members:
            attributes["membership_values"] = np.array(self._members, dtype=np.float64)
        return graph.add(
            "TreeEnsemble", x, domain="ai.onnx.ml", n_targets=n_targets, aggregate_function=SUM, **attributes
        )


FIELDS = [("feature", "i8"), ("split", "f8"), ("mode", "u1"), ("missing_left", "?"), ("left", "i8"), ("right", "i8")]
WRITTEN = np.dtype([*FIELDS, ("left_leaf", "?"), ("right_leaf", "?")])


def node_array(feature: Any, split: Any, mode: Any, missing_left: Any, left: Any, right: Any) -> NDArray[Any]:
    """Nodes for `Trees.add`; `left` and `right` are positions in the same array, -1 in a leaf."""
    nodes = np.empty(len(left), FIELDS)
    for (name, _), values in zip(FIELDS, (feature, split, mode, missing_left, left, right), strict=True):
        nodes[name] = values
    return nodes


def switch_points(thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
    """The largest double w of each threshold t for which float32(w) <= t holds."""
    with np.errstate(over="ignore"):
        below = thresholds.astype(np.float32)
        below = np.where(below > thresholds, np.nextafter(below, np.float32(-np.inf)), below)
        above = np.nextafter(below, np.float32(np.inf)).astype(np.float64)
        above[np.isinf(above)] = 2.0**128  # where float32 would go on
        middle = (below + above) / 2
        middle = np.where(middle.astype(np.float32) > thresholds, np.nextafter(middle, -np.inf), middle)
    return np.where(np.isfinite(thresholds), middle, thresholds)


@convert.register(DecisionTreeClassifier)
@convert.register(DecisionTreeRegressor)
def _tree(fitted: Any, graph: Graph, x: str) -> str:
    return _forest([fitted], graph, x)


@convert.register(RandomForestClassifier)
@convert.register(RandomForestRegressor)
@convert.register(ExtraTreesClassifier)
@convert.register(ExtraTreesRegressor)
def _trees(fitted: Any, graph: Graph, x: str) -> str:
    return _forest(fitted.estimators_, graph, x)


def _forest(estimators: list[Any], graph: Graph, x: str) -> str:
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
