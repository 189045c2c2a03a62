"""Gradient boosting on histograms: on tables of some size usually the best single model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tasks.core.model_records import Candidate
from tasks.core.records import Feature, Problem
from tasks.models.family import Family, Params, Profile, answer

if TYPE_CHECKING:
    import numpy as np
    import optuna

MANY_ROWS, VERY_MANY_ROWS = 5_000, 100_000

BINS, COARSE_BINS = 255, 63
WIDE = 200
"""From so many features on bins are coarse: every node has a histogram of every feature, which then is what costs."""

STAGES = tuple(sorted({round(5 * 1.13**power) for power in range(44)}))
"""The numbers of iterations among which one fit is judged: up to 958, each an eighth more than the last."""
BRIEF = next(stage for stage in STAGES if stage >= 200)
"""The most iterations of a trial on very many rows; quicker steps make up for it, and a budget is kept."""


class Boosting(Family):
    """HistGradientBoosting with native categories and missing values; the number of iterations costs no trial.

    One fit is judged after every stage, so the parameters that come out of it hold the best number of iterations
    over all folds. `interactions: False` allows one feature a tree: a smooth additive model. `target: log` learns
    log(1 + target) of a skewed one; trees never answer beyond what they saw, so its exponential is bounded.
    """

    kind = "boosting"

    def suits(self, profile: Profile) -> Candidate:
        return self._candidate(True, "always tried: on tables of some size usually the best single model")

    def defaults(self, profile: Profile) -> tuple[Params, ...]:
        leaf = min(20, max(2, profile.n_rows // 30))
        targets = ("raw", "log") if profile.skewed_target else ("raw",)
        plain = {"learning_rate": 0.06, "l2_regularization": 1.0, "interactions": True, "target": targets[0]}
        # Many rows bear larger trees and quicker steps: as good, and the first fit comes in half the time.
        first: dict[str, Any] = {"max_leaf_nodes": 16}
        if profile.n_rows > MANY_ROWS:
            first = {"max_leaf_nodes": 31, "learning_rate": 0.1}
        if profile.n_rows > VERY_MANY_ROWS:
            first = {"max_leaf_nodes": 63, "learning_rate": 0.15}
        return (
            {**plain, "min_samples_leaf": leaf, "max_features": 0.5, **first},
            {**plain, "max_leaf_nodes": 6, "min_samples_leaf": leaf, "max_features": 0.7, "target": targets[-1]},
            {**plain, "max_leaf_nodes": 40, "min_samples_leaf": leaf, "max_features": 0.4, "learning_rate": 0.04},
            {**plain, "max_leaf_nodes": 4, "min_samples_leaf": leaf, "max_features": 1.0, "interactions": False},
        )

    def search_space(self, trial: optuna.trial.BaseTrial, profile: Profile) -> Params:
        return {
            "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.2, log=True),
            "max_leaf_nodes": trial.suggest_int("max_leaf_nodes", 3, 64, log=True),
            "min_samples_leaf": trial.suggest_int("min_samples_leaf", 2, 100, log=True),
            "l2_regularization": trial.suggest_float("l2_regularization", 0.01, 100, log=True),
            "max_features": trial.suggest_float("max_features", 0.1, 1.0),
            "interactions": trial.suggest_categorical("interactions", (True, False)),
            "target": trial.suggest_categorical("target", ("raw", "log") if profile.skewed_target else ("raw",)),
        }

    def estimator(
        self, problem: Problem, features: Sequence[Feature], params: Params, seed: int, threads: int = 1
    ) -> Any:
        import numpy as np
        from sklearn.compose import TransformedTargetRegressor
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        bins = BINS if len(features) < WIDE else COARSE_BINS
        # Categories of more levels are split by their codes, which are ordered by frequency. -1 is a level too.
        categories = [i for i, each in enumerate(features) if each.kind == "category" and each.n_codes < bins]
        names = ("learning_rate", "max_leaf_nodes", "min_samples_leaf", "l2_regularization", "max_features")
        settings: dict[str, Any] = {name: params[name] for name in names} | {
            "max_bins": bins,
            "max_iter": params.get("max_iter", STAGES[-1]),
            "interaction_cst": None if params["interactions"] else "no_interactions",
            "categorical_features": categories or None,
            "early_stopping": False,
            "random_state": seed,
        }
        if problem != "regression":
            return HistGradientBoostingClassifier(**settings)
        booster = HistGradientBoostingRegressor(**settings)
        if params["target"] == "raw":
            return booster
        return TransformedTargetRegressor(booster, func=np.log1p, inverse_func=np.expm1, check_inverse=False)

    def fit(
        self,
        estimator: Any,
        x: np.ndarray,
        y: np.ndarray,
        held_out: tuple[np.ndarray, np.ndarray] | None = None,
        patience: int | None = None,
    ) -> Any:
        import numpy as np

        # Binning fails on a column without any value; a constant one is never split.
        if (empty := np.isnan(x).all(axis=0)).any():
            x = np.where(empty, 0.0, x)
        if held_out is None:
            return estimator.fit(x, y)
        x_val, y_val = held_out
        booster = getattr(estimator, "regressor", estimator)
        if hasattr(booster, "predict_proba"):
            known = np.isin(y_val, y)  # a class that these rows do not teach cannot be watched
            x_val, y_val = x_val[known], y_val[known]
        if estimator is not booster:
            y_val = estimator.func(y_val)
        if patience is not None and len(x) > VERY_MANY_ROWS:
            booster.set_params(max_iter=min(booster.max_iter, BRIEF))
        booster.set_params(early_stopping=True, scoring="loss", tol=0.0, n_iter_no_change=patience or booster.max_iter)
        return estimator.fit(x, y, X_val=x_val, y_val=y_val)

    def glimpses(self, params: Params) -> tuple[Params, Params, float]:
        return {**params, "max_iter": 2}, {**params, "max_iter": 12}, BRIEF / 10

    def variants(self, model: Any, x: np.ndarray, params: Params) -> Iterator[tuple[Params, np.ndarray]]:
        if "max_iter" in params:
            yield params, answer(model, x)
            return
        booster = getattr(model, "regressor_", model)
        staged = booster.staged_predict_proba(x) if hasattr(model, "predict_proba") else booster.staged_predict(x)
        # Beyond the stage where a fold stopped early its last answer stands, so that all folds have all stages.
        last = x[:0]
        stages = set(STAGES)
        for iteration, predicted in enumerate(staged, start=1):
            last = model.inverse_func(predicted) if model is not booster else predicted
            if iteration in stages:
                yield {**params, "max_iter": iteration}, last
        for iteration in (stage for stage in STAGES if stage > booster.n_iter_):
            yield {**params, "max_iter": iteration}, last

    def curves(self, model: Any) -> dict[str, Sequence[float]]:
        booster = getattr(model, "regressor_", model)
        scores = {"train": booster.train_score_, "validation": booster.validation_score_}
        return {name: [-score for score in values] for name, values in scores.items() if len(values)}
