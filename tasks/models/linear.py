"""Linear models: ridge for regression, logistic regression for classes. Small, fast, and hard to beat on few rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tasks.core.records import Candidate, Feature, Problem
from tasks.models.family import Family, Params, Profile, on_log_scale, scaled

if TYPE_CHECKING:
    import optuna

WEAKEST, STRONGEST = 1e-3, 1e4


class Linear(Family):
    """A penalised linear model of scaled numbers and one-hot categories. `penalty` is ridge's alpha, and 1 / C."""

    kind = "linear"

    def suits(self, profile: Profile) -> Candidate:
        return self._candidate(True, "always tried: it is quick, and on few or wide rows often the best there is")

    def defaults(self, profile: Profile) -> tuple[Params, ...]:
        targets = ("raw", "log") if profile.skewed_target else ("raw",)
        # More features than rows need a strong penalty first.
        penalties = (100.0, 1.0) if profile.n_features > profile.n_rows else (1.0, 30.0)
        return tuple({"penalty": p, "target": t} for p, t in zip(penalties, targets * 2, strict=False))

    def search_space(self, trial: optuna.trial.BaseTrial, profile: Profile) -> Params:
        targets = ("raw", "log") if profile.skewed_target else ("raw",)
        return {
            "penalty": trial.suggest_float("penalty", WEAKEST, STRONGEST, log=True),
            "target": trial.suggest_categorical("target", targets),
        }

    def estimator(
        self, problem: Problem, features: Sequence[Feature], params: Params, seed: int, threads: int = 1
    ) -> Any:
        from sklearn.linear_model import LogisticRegression, Ridge
        from sklearn.pipeline import make_pipeline

        if problem == "regression":
            ridge = Ridge(alpha=params["penalty"])
            return on_log_scale(make_pipeline(scaled(features, seed), ridge), params)
        logistic = LogisticRegression(C=1 / params["penalty"], max_iter=500)
        return make_pipeline(scaled(features, seed), logistic)
