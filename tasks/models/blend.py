"""A weighted mean of fitted models: what tuning's ensemble becomes. It is exported as one graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tasks.models.family import answer


class Blend:
    """Answers with the weighted mean of its members' answers. `weights` add up to one."""

    def __init__(self, members: Sequence[Any], weights: Sequence[float]) -> None:
        self.members = tuple(members)
        self.weights = tuple(weights)
        self.classes_ = getattr(members[0], "classes_", None)
        if self.classes_ is not None:
            self.predict_proba = self._mean

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Predictions (n,) of regressors, the likeliest classes (n,) of classifiers."""
        mean = self._mean(x)
        return mean if self.classes_ is None else self.classes_[mean.argmax(axis=1)]

    def _mean(self, x: np.ndarray) -> np.ndarray:
        total = self.weights[0] * answer(self.members[0], x)
        for weight, member in zip(self.weights[1:], self.members[1:], strict=True):
            total = total + weight * answer(member, x)
        return total
