"""A champion with its correction as one ONNX file: the champion's graph, a few trees on the same matrix, their sum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx

from tasks.core.model_records import ModelCard
from tasks.core.records import Problem
from tasks.exports.forests import forest
from tasks.exports.graph import Graph
from tasks.modalities.matrix import width

BEFORE = "answers_before"
PREFIX = "correction_"
ONE = np.array(1.0)


def corrected(
    champion: bytes, card: ModelCard, trees: Sequence[Sequence[Any]], learning_rate: float, sure: float
) -> bytes:
    """The model that adds to the champion's raw score what the trees say, times the learning rate.

    `trees` are scikit-learn's, a list for each output; `sure` is how near to 0 and 1 the champion's probabilities are
    taken to be at most.
    """
    graph, problem = Graph(), card.target.problem
    raw = _raw_score(graph, problem, sure)
    scale = [np.array(learning_rate * len(of)) for of in trees]
    added = [
        graph.add("Mul", forest(list(of), graph, "X"), factor) for of, factor in zip(trees, scale, strict=True) if of
    ]
    total = graph.add("Add", raw, graph.side_by_side(*added)) if added else raw
    n_classes = len(card.target.classes)
    name = "probabilities" if n_classes else "prediction"
    shape: list[int | None] = [None, n_classes] if n_classes else [None]
    notes = {"keepfit": card.model_dump_json()}
    ours = onnx.load_from_string(
        graph.model(_answered(graph, problem, total), name, shape, width(card.features), notes)
    )
    return _joined(onnx.load_from_string(champion), ours, name)


def _raw_score(graph: Graph, problem: Problem, sure: float) -> str:
    if problem == "regression":
        return graph.add("Reshape", BEFORE, np.array([-1, 1]))
    answers = graph.columns(BEFORE, np.array([1])) if problem == "binary" else BEFORE
    clipped = graph.add("Clip", answers, np.array(sure), np.array(1 - sure))
    if problem == "multiclass":
        return graph.add("Log", clipped)
    return graph.add("Log", graph.add("Div", clipped, graph.add("Sub", ONE, clipped)))


def _answered(graph: Graph, problem: Problem, raw: str) -> str:
    if problem == "regression":
        return graph.add("Reshape", raw, np.array([-1]))
    if problem == "multiclass":
        return graph.add("Softmax", raw, axis=1)
    positive = graph.add("Sigmoid", raw)
    return graph.side_by_side(graph.add("Sub", ONE, positive), positive)


def _joined(champion: onnx.ModelProto, ours: onnx.ModelProto, output: str) -> bytes:
    """One graph of both: what the champion answered is what the correction begins with."""
    theirs = {name for node in ours.graph.node for name in (*node.input, *node.output)} - {"X", BEFORE, output}
    for node in champion.graph.node:
        node.output[:] = [BEFORE if name == output else name for name in node.output]
    for node in ours.graph.node:
        node.input[:] = [f"{PREFIX}{name}" if name in theirs else name for name in node.input]
        node.output[:] = [f"{PREFIX}{name}" if name in theirs else name for name in node.output]
    for constant in ours.graph.initializer:
        constant.name = f"{PREFIX}{constant.name}"
    champion.graph.node.extend(ours.graph.node)
    champion.graph.initializer.extend(ours.graph.initializer)
    del champion.metadata_props[:]
    champion.metadata_props.extend(ours.metadata_props)
    return champion.SerializeToString(deterministic=True)
