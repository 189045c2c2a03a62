"""The model of record: a fitted estimator, preprocessing and all, as the bytes of one float64 ONNX file.

Input `X` is the matrix of `modalities/matrix.py`. The output is `probabilities` (n, n_classes) or `prediction` (n).
What a host must know besides lies in the file as a ModelCard. The same fitted estimator gives the same bytes
everywhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tasks.core.errors import KeepfitError
from tasks.core.model_records import ModelCard
from tasks.exports import compose, encoders, forests, imputers, linear, neural, quantiles, texts, transformers
from tasks.exports.graph import Graph, convert
from tasks.modalities.matrix import width

PARTS = (compose, encoders, forests, imputers, linear, neural, quantiles, texts, transformers)
"""The modules whose import fills the table `convert`; a new converter's module is named here."""


def export(estimator: Any, card: ModelCard) -> bytes:
    """The ONNX file of a fitted estimator over the card's features.

    The estimator is a scikit-learn one, or a blend: anything with fitted `members` and their `weights`.
    """
    _check(estimator, card)
    graph = Graph()
    answer = convert(estimator, graph, "X")
    notes = {"keepfit": card.model_dump_json()}
    n_features, n_classes = width(card.features), len(card.target.classes)
    if card.target.problem == "regression":
        values = graph.add("Reshape", answer, np.array([-1]))
        return graph.model(values, "prediction", [None], n_features, notes)
    if n_classes == 2:
        answer = graph.side_by_side(graph.add("Sub", np.array(1.0), answer), answer)
    return graph.model(answer, "probabilities", [None, n_classes], n_features, notes)


def _check(estimator: Any, card: ModelCard) -> None:
    """That estimator and card speak of the same matrix and the same classes, in the same order."""
    expected = width(card.features)
    found = getattr(estimator, "n_features_in_", expected)
    if found != expected:
        raise KeepfitError(
            "The model cannot be exported, it and its card disagree about the features",
            expected=f"{expected} columns, as the card says",
            found=f"a model fitted on {found}",
        )
    known = getattr(estimator, "classes_", None)
    classes = [] if known is None else [str(name) for name in known]
    if classes not in (list(card.target.classes), [str(code) for code in range(len(card.target.classes))]):
        raise KeepfitError(
            "The model cannot be exported, it and its card disagree about the classes",
            expected=f"{list(card.target.classes)}",
            found=f"{classes}",
        )
