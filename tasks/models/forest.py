"""Forests: many deep trees, averaged. Their errors differ from boosting's, which makes them good in a blend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tasks.core.model_records import Candidate
from tasks.core.records import Feature, Problem
from tasks.models.family import Family, Params, Profile

if TYPE_CHECKING:
    import optuna

FEWEST_ROWS = 40
MOST_ROWS, MOST_CELLS = 50_000, 5_000_000
N_TREES = 100


class Forest(Family):
    """Extra trees or a random forest over the matrix as it is, missing values included."""

    kind = "forest"

    def suits(self, profile: Profile) -> Candidate:
        if profile.n_rows < FEWEST_ROWS:
            return self._candidate(
                False, f"{profile.n_rows} rows to train on are too few to split; it needs {FEWEST_ROWS}"
            )
        if profile.n_rows > MOST_ROWS or profile.cells * profile.n_outputs**0.5 > MOST_CELLS:
            size = f"{profile.n_rows:,} rows of {profile.n_features:,} features"
            return self._candidate(False, f"deep trees over {size} are slow and make a model of hundreds of megabytes")
        return self._candidate(True, "its errors differ from boosting's, so that a blend gains by it")

    def defaults(self, profile: Profile) -> tuple[Params, ...]:
        return (
            {"trees": "extra", "min_samples_leaf": 2, "max_features": 0.5},
            {"trees": "random", "min_samples_leaf": 3, "max_features": 0.35},
        )

    def search_space(self, trial: optuna.trial.BaseTrial, profile: Profile) -> Params:
        return {
            "trees": trial.suggest_categorical("trees", ("extra", "random")),
            "min_samples_leaf": trial.suggest_int("min_samples_leaf", 1, 20, log=True),
            "max_features": trial.suggest_float("max_features", 0.1, 1.0),
        }

    def estimator(
        self, problem: Problem, features: Sequence[Feature], params: Params, seed: int, threads: int = 1
    ) -> Any:
        from sklearn import ensemble

        name = "ExtraTrees" if params["trees"] == "extra" else "RandomForest"
        kind = getattr(ensemble, name + ("Regressor" if problem == "regression" else "Classifier"))
        return kind(
            n_estimators=params.get("n_trees", N_TREES),
            min_samples_leaf=params["min_samples_leaf"],
            max_features=params["max_features"],
            random_state=seed,
            n_jobs=threads,
        )

    def glimpses(self, params: Params) -> tuple[Params, Params, float]:
        return {**params, "n_trees": 1}, {**params, "n_trees": 6}, N_TREES / 5

    def fit(self, estimator: Any, x: Any, y: Any, held_out: Any = None, patience: int | None = None) -> Any:
        # Trees are added up in the order in which the threads end, which changes the last bit: one thread predicts.
        return estimator.fit(x, y).set_params(n_jobs=1)
