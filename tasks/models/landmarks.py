"""How like each row is to landmarks among the training rows: the Nyström map of a radial basis function."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.kernel_approximation import Nystroem
from sklearn.metrics.pairwise import rbf_kernel

FAINTEST = 1e-4
"""Of the strongest component; no weaker one is made to count as much."""


class Landmarks(Nystroem):
    """scikit-learn's map, its width measured on the rows: they may have 10 columns or 1,000, of any size."""

    def __init__(self, reach: float = 1.0, most: int = 1_000, random_state: int = 0) -> None:
        super().__init__(kernel="rbf")
        self.reach = reach
        self.most = most
        self.random_state = random_state

    def fit(self, x: Any, y: Any = None) -> Landmarks:  # pyright: ignore[reportIncompatibleMethodOverride]
        # Two rows are on average twice the sum of the variances apart, squared.
        spread = float(np.var(x, axis=0).sum()) or 1.0
        self.gamma = 1 / (self.reach * spread)
        self.n_components = min(self.most, len(x))
        super().fit(x)
        # Landmarks that are nearly alike have a kernel that is nearly singular: its root would blow up the last bits.
        among = rbf_kernel(self.components_, gamma=self.gamma)
        left, strengths, right = np.linalg.svd(among)
        self.normalization_ = (left / np.sqrt(np.maximum(strengths, FAINTEST * strengths[0]))) @ right
        return self
