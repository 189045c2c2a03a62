"""The baseline: what a model that looks at no feature can say. Whatever does not beat it has learnt nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tasks.core.model_records import Candidate
from tasks.core.records import Feature, Problem
from tasks.models.family import Family, Params, Profile

if TYPE_CHECKING:
    import optuna


class Baseline(Family):
    """The classes' frequencies, or the target's mean."""

    kind = "baseline"

    def suits(self, profile: Profile) -> Candidate:
        return self._candidate(True, "always there: what a model that looks at no feature can say")

    def defaults(self, profile: Profile) -> tuple[Params, ...]:
        return ({},)

    def search_space(self, trial: optuna.trial.BaseTrial, profile: Profile) -> Params:
        return {}

    def estimator(
        self, problem: Problem, features: Sequence[Feature], params: Params, seed: int, threads: int = 1
    ) -> Any:
        from sklearn.dummy import DummyClassifier, DummyRegressor

        return DummyRegressor(strategy="mean") if problem == "regression" else DummyClassifier(strategy="prior")
