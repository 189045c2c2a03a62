"""A small weighted blend of the trials, chosen on rows that none of them saw.

Greedy selection with replacement: Caruana et al., Ensemble Selection from Libraries of Models, ICML 2004. It begins
with the best single model, and stays with it unless a blend is better.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from tasks.core import metrics

MOST_MEMBERS = 5
ROUNDS = 25
POOL = 50
"""The best so many take part: more are near copies of them, among which luck on these rows decides."""

WORTH = 0.001
"""By which share of the loss a member must better the blend: it costs a fit, and a part of the file and each answer."""


def selected(answers: Sequence[np.ndarray], y: np.ndarray, metric: str) -> tuple[dict[int, float], float]:
    """The weights of the chosen models by their index, and the blend's loss."""
    losses = [metrics.loss(metric, y, each) for each in answers]
    pool = sorted(sorted(range(len(losses)), key=lambda index: (losses[index], index))[:POOL])
    first = min(pool, key=lambda index: (losses[index], index))
    bag = [first]
    total = answers[first].astype(np.float64)
    best, best_size = losses[first], 1
    for size in range(2, ROUNDS + 1):
        allowed = pool if len(set(bag)) < MOST_MEMBERS else sorted(set(bag))
        scores = {index: metrics.loss(metric, y, (total + answers[index]) / size) for index in allowed}
        chosen = min(scores, key=lambda index: (scores[index], index))
        bag.append(chosen)
        total = total + answers[chosen]
        if scores[chosen] < best:
            best, best_size = scores[chosen], size
    chosen, best = _pruned(Counter(bag[:best_size]), answers, y, metric, best, losses[first])
    weights = {index: count / chosen.total() for index, count in chosen.items()}
    return dict(sorted(weights.items(), key=lambda item: (-item[1], losses[item[0]], item[0]))), best


def _pruned(
    bag: Counter[int], answers: Sequence[np.ndarray], y: np.ndarray, metric: str, best: float, single: float
) -> tuple[Counter[int], float]:
    """The bag without the members that are hardly worth their cost, and its loss: not above the best single one's."""
    most = min(best + WORTH * abs(best), single)
    while len(bag) > 1:
        without = {index: Counter({each: n for each, n in bag.items() if each != index}) for index in bag}
        scores = {index: metrics.loss(metric, y, _mean(left, answers)) for index, left in without.items()}
        least = min(scores, key=lambda index: (scores[index], bag[index], index))
        if scores[least] > most:
            break
        bag, best = without[least], scores[least]
    return bag, best


def _mean(bag: Counter[int], answers: Sequence[np.ndarray]) -> np.ndarray:
    return sum((n * answers[index] for index, n in sorted(bag.items())), np.zeros_like(answers[0])) / bag.total()
