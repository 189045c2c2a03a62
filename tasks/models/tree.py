"""A single decision tree: the model that a person can read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tasks.core.model_records import Candidate
from tasks.core.records import Feature, Problem
from tasks.models.family import Family, Params, Profile

if TYPE_CHECKING:
    import optuna

FEWEST_ROWS = 40
MOST_CELLS = 20_000_000


class Tree(Family):
    """One CART tree over the matrix as it is: missing values find their own side, categories go by their codes."""

    kind = "tree"

    def suits(self, profile: Profile) -> Candidate:
        if profile.n_rows < FEWEST_ROWS:
            return self._candidate(
                False, f"{profile.n_rows} rows to train on are too few to split; it needs {FEWEST_ROWS}"
            )
        if profile.cells > MOST_CELLS:
            return self._candidate(False, f"sorting {profile.cells:,} cells takes too long; boosting bins them instead")
        return self._candidate(True, "quick, and a person can read it")

    def defaults(self, profile: Profile) -> tuple[Params, ...]:
        return ({"max_depth": 5, "min_samples_leaf": min(20, max(2, profile.n_rows // 20))},)

    def search_space(self, trial: optuna.trial.BaseTrial, profile: Profile) -> Params:
        return {
            "max_depth": trial.suggest_int("max_depth", 2, 14),
            "min_samples_leaf": trial.suggest_int("min_samples_leaf", 1, 100, log=True),
        }

    def estimator(
        self, problem: Problem, features: Sequence[Feature], params: Params, seed: int, threads: int = 1
    ) -> Any:
        from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

        kind = DecisionTreeRegressor if problem == "regression" else DecisionTreeClassifier
        return kind(max_depth=params["max_depth"], min_samples_leaf=params["min_samples_leaf"], random_state=seed)
