"""What each feature is worth to a model: how much worse its answers get when the feature's values are shuffled."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tasks.core import metrics
from tasks.core.model_records import Importance
from tasks.core.records import Feature
from tasks.modalities.matrix import spans

MOST_ROWS = 2_000
MOST_FEATURES = 100
N_SHUFFLES = 3

Ask = Callable[[np.ndarray], np.ndarray]


def importances(
    ask: Ask, x: np.ndarray, y: np.ndarray, features: Sequence[Feature], metric: str, seed: int
) -> tuple[Importance, ...]:
    """Permutation importances (Breiman, Random Forests, 2001) on rows that the model has not seen, largest first.

    Of wide data only the features are looked at whose values go with the answers most; the others are not listed.
    """
    if not len(x):
        return ()
    generator = np.random.default_rng(seed)
    if len(x) > MOST_ROWS:
        rows = np.sort(generator.choice(len(x), MOST_ROWS, replace=False))
        x, y = x[rows], y[rows]
    answers = ask(x)
    before = metrics.loss(metric, y, answers)
    found = []
    places = spans(features)
    for index in _promising(x, answers, features):
        shuffled = np.concatenate([x] * N_SHUFFLES)
        span = places[index]
        shuffled[:, span] = np.concatenate([generator.permutation(x[:, span]) for _ in range(N_SHUFFLES)])
        losses = [metrics.loss(metric, y, each) for each in np.split(ask(shuffled), N_SHUFFLES)]
        found.append(Importance(feature=features[index].name, value=float(np.mean(losses) - before)))
    return tuple(sorted(found, key=lambda each: -each.value))


def _promising(x: np.ndarray, answers: np.ndarray, features: Sequence[Feature]) -> list[int]:
    if len(features) <= MOST_FEATURES:
        return list(range(len(features)))
    columns = np.where(np.isnan(x), 0.0, x)
    columns = np.clip(columns, *np.percentile(columns, (1, 99), axis=0))
    outputs = answers.reshape(len(x), -1)
    columns, outputs = columns - columns.mean(axis=0), outputs - outputs.mean(axis=0)
    scale = np.linalg.norm(columns, axis=0)[:, None] * np.linalg.norm(outputs, axis=0)
    together = np.abs(columns.T @ outputs) / np.where(scale > 0, scale, np.inf)
    worth = np.array([together[span].max() for span in spans(features)])
    return sorted(np.argsort(-worth, kind="stable")[:MOST_FEATURES].tolist())
