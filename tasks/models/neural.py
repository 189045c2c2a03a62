"""A small neural network: smooth where trees are stepped, which a blend can use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tasks.core.model_records import Candidate
from tasks.core.records import Feature, Problem
from tasks.models.family import Family, Params, Profile, scaled

if TYPE_CHECKING:
    import optuna

FEWEST_ROWS = 500
MOST_CELLS = 20_000_000
MOST_EPOCHS = 100


class Neural(Family):
    """A multilayer perceptron over scaled numbers and one-hot categories, stopped early by a tenth of its rows."""

    kind = "neural"

    def suits(self, profile: Profile) -> Candidate:
        if profile.n_rows < FEWEST_ROWS:
            return self._candidate(False, f"{profile.n_rows} rows to train on are too few; it needs {FEWEST_ROWS}")
        if profile.cells > MOST_CELLS:
            return self._candidate(False, f"{profile.cells:,} cells take too many passes on {profile.cores} cores")
        return self._candidate(True, "smooth where trees are stepped, so that a blend can gain by it")

    def defaults(self, profile: Profile) -> tuple[Params, ...]:
        width = 32 if profile.n_rows < 5_000 else 64
        return ({"width": width, "depth": 2, "alpha": 1e-2, "learning_rate": 3e-3},)

    def search_space(self, trial: optuna.trial.BaseTrial, profile: Profile) -> Params:
        return {
            "width": trial.suggest_int("width", 8, 128, log=True),
            "depth": trial.suggest_int("depth", 1, 3),
            "alpha": trial.suggest_float("alpha", 1e-4, 10.0, log=True),
            "learning_rate": trial.suggest_float("learning_rate", 5e-4, 1e-2, log=True),
        }

    def glimpses(self, params: Params) -> tuple[Params, Params, float]:
        return {**params, "epochs": 1}, {**params, "epochs": 3}, MOST_EPOCHS / 4  # it mostly stops half way

    def estimator(
        self, problem: Problem, features: Sequence[Feature], params: Params, seed: int, threads: int = 1
    ) -> Any:
        from sklearn.compose import TransformedTargetRegressor
        from sklearn.neural_network import MLPClassifier, MLPRegressor
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        network = (MLPRegressor if problem == "regression" else MLPClassifier)(
            hidden_layer_sizes=(params["width"],) * params["depth"],
            alpha=params["alpha"],
            learning_rate_init=params["learning_rate"],
            max_iter=params.get("epochs", MOST_EPOCHS),
            early_stopping=True,
            n_iter_no_change=8,
            random_state=seed,
        ).set_params(batch_size=128)
        model = make_pipeline(scaled(features, problem, seed), network)
        if problem != "regression":
            return model
        # A network learns targets of about one; with a target of 200,000 its first steps go nowhere.
        return TransformedTargetRegressor(model, transformer=StandardScaler())
