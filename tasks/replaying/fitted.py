"""A model as it would have been trained when a history had so many rows, as ONNX."""

from __future__ import annotations

from collections.abc import Sequence
from time import thread_time

import numpy as np

from tasks.core import store
from tasks.core.model_records import Member, ModelCard
from tasks.core.records import Blob, Record
from tasks.replaying.history import History

MOST_ROWS = 100_000
"""That a model of the replay is fitted on, evenly out of all: a year of large days then ends within minutes, and what
is compared are policies, each with the same models."""


class Fit(Record):
    """A model that knows the first rows alone; `seconds` are of the processor."""

    artifact: Blob
    seconds: float


def fitted(history: History, n_rows: int, members: Sequence[Member], project: str, metric: str, seed: int) -> Fit:
    """A model of the first rows: features, levels and all are made of these alone."""
    from tasks.exports.onnx import export
    from tasks.learning.development import Development
    from tasks.learning.fitting import blended
    from tasks.modalities.features import features
    from tasks.modalities.matrix import matrix

    started, seen = thread_time(), history.seen
    dataset = history.before(n_rows)
    made, _ = features(dataset, seen.columns, seen.declared, seen.said, seen.time)
    chosen = _chosen(n_rows, seed)
    x = matrix(history.rows[chosen], made)
    y = history.answers(slice(0, n_rows))[chosen]
    data = Development(x, y, len(y), made, seen.target, (), n_rows)
    model = blended(members, data, np.arange(len(y)), seed, 1)
    card = ModelCard(
        project=project,
        target=seen.target,
        metric=metric,
        inputs=seen.inputs,
        features=made,
        members=tuple(members),
        data_digest=dataset.digest,
        sample=(),
    )
    artifact = store.put(export(model, card), ".onnx")
    return Fit(artifact=artifact, seconds=thread_time() - started)


def _chosen(n_rows: int, seed: int) -> np.ndarray:
    if n_rows <= MOST_ROWS:
        return np.arange(n_rows)
    return np.sort(np.random.default_rng(seed).choice(n_rows, MOST_ROWS, replace=False))
