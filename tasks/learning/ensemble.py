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
    weights = {index: count / best_size for index, count in Counter(bag[:best_size]).items()}
    return dict(sorted(weights.items(), key=lambda item: (-item[1], losses[item[0]], item[0]))), best
