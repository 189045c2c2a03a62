"""A kernel machine: linear in how like a row is to each of many training rows (radial basis functions)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tasks.core.model_records import Candidate
from tasks.core.records import Feature, Problem
from tasks.models.family import Family, Params, Profile, scaled

if TYPE_CHECKING:
    import optuna

MOST_ROWS = 10_000
LANDMARKS = 1_000
"""Training rows that others are compared with. Of so few rows as there are they are all, or enough."""


class Kernel(Family):
    """Ridge or logistic regression over a Nyström map (Williams and Seeger, 2001), so that probabilities come with it.

    `reach` is in mean squared distances: nearly linear above 1, nearest neighbours far below.
    """

    kind = "kernel"
    wants = "wide"

    def suits(self, profile: Profile) -> Candidate:
        if not profile.n_wide:
            return self._candidate(False, "columns of a table have no common scale on which rows could be near")
        if profile.n_rows > MOST_ROWS:
            return self._candidate(False, f"{profile.n_rows:,} rows: {LANDMARKS:,} of them are too few to compare with")
        return self._candidate(True, "images and sounds are alike as wholes, which no single column tells")

    def defaults(self, profile: Profile) -> tuple[Params, ...]:
        return ({"reach": 3.0, "penalty": 0.001}, {"reach": 1.0, "penalty": 0.01})

    def search_space(self, trial: optuna.trial.BaseTrial, profile: Profile) -> Params:
        return {
            "reach": trial.suggest_float("reach", 0.1, 10.0, log=True),
            "penalty": trial.suggest_float("penalty", 1e-4, 10.0, log=True),
        }

    def estimator(
        self, problem: Problem, features: Sequence[Feature], params: Params, seed: int, threads: int = 1
    ) -> Any:
        from sklearn.compose import TransformedTargetRegressor
        from sklearn.linear_model import LogisticRegression, Ridge
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        from tasks.models.landmarks import Landmarks

        likeness = make_pipeline(scaled(features, problem, seed), Landmarks(params["reach"], LANDMARKS, seed))
        if problem == "regression":
            model = make_pipeline(likeness, Ridge(alpha=params["penalty"]))
            return TransformedTargetRegressor(model, transformer=StandardScaler())
        return make_pipeline(likeness, LogisticRegression(C=1 / params["penalty"], max_iter=500))
