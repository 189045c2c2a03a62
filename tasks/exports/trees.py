"""Trees as one float64 TreeEnsemble node (ai.onnx.ml 5), whoever grew them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.exports.graph import Graph

LESS_OR_EQUAL, MEMBER = 0, 6
SUM = 1
FIELDS = [("feature", "i8"), ("split", "f8"), ("mode", "u1"), ("missing_left", "?"), ("left", "i8"), ("right", "i8")]
WRITTEN = np.dtype([*FIELDS, ("left_leaf", "?"), ("right_leaf", "?")])


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
            nodes["feature"] = 0  # scikit-learn says -2, which would be read
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

    def add_steps(self, column: int, edges: NDArray[np.float64], values: NDArray[np.float64]) -> None:
        """A step function of one column as a balanced tree: values[i] up to edges[i], which ascend, the last beyond.

        Its target is the number of the column. A missing value takes the last step.
        """
        n_edges = len(edges)
        left, right = np.full(2 * n_edges + 1, -1), np.full(2 * n_edges + 1, -1)
        split, weight = np.zeros(2 * n_edges + 1), np.zeros(2 * n_edges + 1)
        free, open_ranges = 1, [(0, 0, n_edges)]  # node, first edge, end of the edges
        while open_ranges:
            node, low, high = open_ranges.pop()
            if low == high:
                weight[node] = values[low]
                continue
            middle = (low + high) // 2
            split[node], left[node], right[node] = edges[middle], free, free + 1
            open_ranges += [(free + 1, middle + 1, high), (free, low, middle)]
            free += 2
        same = np.full(len(left), column)
        self.add(node_array(same, split, LESS_OR_EQUAL, np.zeros(len(left), bool), left, right), weight, column)

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
