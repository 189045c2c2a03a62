"""What a model family says of itself: whether it suits the data, what to try first, what to search, how to fit.

A family's estimators take the float64 matrix of `modalities/matrix.py`: numbers with NaN for missing, categories as
codes with -1 for unseen and NaN for missing. Everything that is fitted, imputing and encoding too, lives inside them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from tasks.core.model_records import Candidate
from tasks.core.records import Feature, Problem, Record, Scale
from tasks.modalities.cycles import wave_names, waves
from tasks.modalities.front import target_encoder
from tasks.modalities.modality import Wants
from tasks.modalities.scales import scaler
from tasks.modalities.treatments import ONE_HOT_LEVELS

if TYPE_CHECKING:
    import numpy as np
    import optuna

Params = Mapping[str, Any]


class Profile(Record):
    """What is known of the data and the machine before any model is fitted.

    `n_rows` are rows for training, `n_levels` the known values of all categories together, `widest_category` those
    of the largest one; `n_wide` features are images or sounds; `skewed_target` says that a regression's target is
    never negative and has a long right tail.
    """

    n_rows: int
    n_features: int
    n_categories: int
    n_levels: int
    widest_category: int
    problem: Problem
    n_classes: int
    skewed_target: bool
    cores: int
    memory_bytes: int
    n_wide: int = 0

    @property
    def cells(self) -> int:
        """The size of the matrix: what most fits take time in proportion to."""
        return self.n_rows * self.n_features

    @property
    def n_outputs(self) -> int:
        """Trees or weights are needed once for each."""
        return self.n_classes if self.problem == "multiclass" else 1


class Family(ABC):
    """A model family. `kind` is its name in project.yaml and in every record."""

    kind: ClassVar[str]
    wants: ClassVar[Wants] = "compact"
    """How texts, images and sounds reach it: as few components, or in all their columns."""

    @abstractmethod
    def suits(self, profile: Profile) -> Candidate:
        """Whether to try this family on such data, with the reason in words."""

    @abstractmethod
    def defaults(self, profile: Profile) -> tuple[Params, ...]:
        """Strong parameter sets of different character, best first: what is tried before any search."""

    @abstractmethod
    def search_space(self, trial: optuna.trial.BaseTrial, profile: Profile) -> Params:
        """One point of the space. A suggestion bears the name of its parameter; `defaults` are points of it."""

    @abstractmethod
    def estimator(
        self, problem: Problem, features: Sequence[Feature], params: Params, seed: int, threads: int = 1
    ) -> Any:
        """An unfitted scikit-learn estimator over the matrix; the number of threads never changes what it learns."""

    def fit(
        self,
        estimator: Any,
        x: np.ndarray,
        y: np.ndarray,
        held_out: tuple[np.ndarray, np.ndarray] | None = None,
        patience: int | None = None,
    ) -> Any:
        """The estimator, fitted. A family that learns step by step may watch `held_out` rows.

        With `patience` it stops after so many steps without gain on them, without it they only give the curve.
        """
        return estimator.fit(x, y)

    def glimpses(self, params: Params) -> tuple[Params, Params, float]:
        """Parameters of a short and of a longer fit, and how many times their difference the full one takes more.

        This is to foresee its time. 0 times: the short one is the full one.
        """
        return params, params, 0.0

    def variants(self, model: Any, x: np.ndarray, params: Params) -> Iterator[tuple[Params, np.ndarray]]:
        """What the model answers, for every parameter set that this one fit speaks for."""
        yield params, answer(model, x)

    def curves(self, model: Any) -> dict[str, Sequence[float]]:
        """The loss per iteration on `train` and `validation`, where the learner has it."""
        return {}

    def _candidate(self, chosen: bool, reason: str) -> Candidate:
        return Candidate(family=self.kind, chosen=chosen, reason=reason)


def answer(model: Any, x: np.ndarray) -> np.ndarray:
    """Probabilities (n, classes) of a classifier, predictions (n,) of a regressor."""
    return model.predict_proba(x) if hasattr(model, "predict_proba") else model.predict(x)


def positions(features: Sequence[Feature]) -> tuple[list[int], list[int], list[int]]:
    """Where in the matrix the numbers, the categories of a column each level, and the other categories are."""
    numbers = [i for i, feature in enumerate(features) if feature.kind in ("number", "boolean", "date")]
    small = [i for i, feature in enumerate(features) if feature.kind == "category" and _is_small(feature)]
    large = [i for i, feature in enumerate(features) if feature.kind == "category" and not _is_small(feature)]
    return numbers, small, large


def scaled(features: Sequence[Feature], problem: Problem, seed: int) -> Any:
    """An unfitted transformer to a dense matrix of finite, scaled numbers: for learners that need it so.

    Numbers are imputed with the median (with a column that says so) and scaled by their treatment, small categories
    one-hot encoded, large ones encoded by the target's mean, which is cross-fitted against leakage; places in a cycle
    become waves, and components stay.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

    numbers, small, large = positions(features)
    components = [i for i, feature in enumerate(features) if feature.kind == "component"]
    cycles = [i for i, feature in enumerate(features) if feature.kind == "cycle"]
    impute = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    encoders = [
        ("numbers", make_pipeline(impute, _scales([features[i] for i in numbers], seed)), numbers),
        ("small", OneHotEncoder(handle_unknown="ignore", sparse_output=False), small),
        ("large", make_pipeline(target_encoder(problem, seed), StandardScaler()), large),
        ("cycles", FunctionTransformer(waves, feature_names_out=wave_names), cycles),
        ("components", "passthrough", components),
    ]
    return ColumnTransformer([encoder for encoder in encoders if encoder[2]])


def _scales(numbers: Sequence[Feature], seed: int) -> Any:
    """Each number by its own scale; the columns that say what was missing, which come after them, as they are usual."""
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import StandardScaler

    places: dict[Scale, list[int]] = {}
    for i, feature in enumerate(numbers):
        places.setdefault(feature.treatment.scale, []).append(i)
    places.pop("standard", None)
    if not places:
        return StandardScaler()
    blocks = [(scale, scaler(scale, seed), columns) for scale, columns in sorted(places.items())]
    return ColumnTransformer(blocks, verbose_feature_names_out=False).set_params(remainder=StandardScaler())


def _is_small(feature: Feature) -> bool:
    encode = feature.treatment.encode
    return encode == "one_hot" if encode else feature.n_codes <= ONE_HOT_LEVELS
