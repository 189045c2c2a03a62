"""Linear models: ridge for regression, logistic regression for classes. Small, fast, and hard to beat on few rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tasks.core.model_records import Candidate
from tasks.core.records import Feature, Problem
from tasks.models.family import Family, Params, Profile, scaled

if TYPE_CHECKING:
    import optuna

WEAKEST, STRONGEST = 1e-3, 1e4


class Linear(Family):
    """A penalised linear model of scaled numbers and one-hot categories. `penalty` is ridge's alpha, and 1 / C."""

    kind = "linear"
    wants = "wide"

    def suits(self, profile: Profile) -> Candidate:
        return self._candidate(True, "always tried: it is quick, and on few or wide rows often the best there is")

    def defaults(self, profile: Profile) -> tuple[Params, ...]:
        # More features than rows need a strong penalty first.
        penalties = (100.0, 1.0) if profile.n_features > profile.n_rows else (1.0, 30.0)
        return tuple({"penalty": penalty} for penalty in penalties)

    def search_space(self, trial: optuna.trial.BaseTrial, profile: Profile) -> Params:
        return {"penalty": trial.suggest_float("penalty", WEAKEST, STRONGEST, log=True)}

    def estimator(
        self, problem: Problem, features: Sequence[Feature], params: Params, seed: int, threads: int = 1
    ) -> Any:
        from sklearn.linear_model import LogisticRegression, Ridge
        from sklearn.pipeline import make_pipeline

        # No logarithm of the target: where a line goes on beyond the data, its exponential has no bounds.
        if problem == "regression":
            return make_pipeline(scaled(features, problem, seed), Ridge(alpha=params["penalty"]))
        return make_pipeline(scaled(features, problem, seed), LogisticRegression(C=1 / params["penalty"], max_iter=500))
