"""Fitted estimators of every class that can be exported, and rows that have broken exporters before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import IterativeImputer, MissingIndicator, SimpleImputer
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import (
    BayesianRidge,
    ElasticNet,
    GammaRegressor,
    HuberRegressor,
    Lasso,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    SGDClassifier,
    SGDRegressor,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from tasks.core.model_records import ModelCard
from tasks.core.records import Feature, FeatureKind, Target
from tasks.exports.parity import strange_rows
from tasks.modalities import cycles
from tasks.modalities.model_imputer import ModelImputer
from tasks.models.blend import Blend

KINDS: dict[str, FeatureKind] = {
    "tied": "number",
    "holed": "number",
    "epoch": "date",
    "float32": "number",
    "flag": "boolean",
    "empty": "number",
    "colour": "category",
    "town": "category",
}
FEATURES = tuple(Feature(name=name, kind=kind) for name, kind in KINDS.items())
NUMBERS, CODES = [0, 1, 2, 3, 4, 5], [6, 7]
CLASSES = {"binary": ("no", "yes"), "multiclass": ("a", "b", "c", "d"), "regression": ()}
N_ROWS = 400


def card(problem: Any, features: tuple[Feature, ...] = FEATURES) -> ModelCard:
    """A card over the features."""
    target = Target(name="y", problem=problem, classes=CLASSES[problem])
    return ModelCard(
        project="zoo", target=target, metric="m", inputs=(), features=features, members=(), data_digest="", sample=()
    )


def training() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """A matrix with ties, holes, large values, an empty column, codes with gaps; and a target for each problem."""
    rng = np.random.default_rng(7)
    x = np.empty((N_ROWS, len(KINDS)))
    x[:, 0] = np.round(rng.normal(size=N_ROWS), 1)
    x[:, 1] = np.where(rng.random(N_ROWS) < 0.2, np.nan, rng.lognormal(size=N_ROWS))
    x[:, 2] = 19_000 + rng.integers(0, 86_400 * 300, N_ROWS) / 86_400
    x[:, 3] = rng.normal(size=N_ROWS).astype(np.float32)
    x[:, 4] = rng.random(N_ROWS) < 0.3
    x[:, 5] = np.nan
    x[:, 6] = rng.choice([0.0, 1.0, 2.0, 4.0, np.nan], N_ROWS, p=[0.4, 0.3, 0.1, 0.1, 0.1])
    x[:, 7] = np.minimum(rng.geometric(0.03, N_ROWS), 120)
    town = rng.normal(size=121)
    score = x[:, 0] + np.nan_to_num(x[:, 1], nan=-1) + x[:, 3] * x[:, 4] + town[x[:, 7].astype(int)]
    score += np.where(x[:, 6] == 1, 1.5, 0) + np.where(np.isnan(x[:, 6]), -2, 0) + rng.normal(size=N_ROWS) / 3
    score -= score.mean()
    classes = np.digitize(score, np.quantile(score, [0.2, 0.6, 0.8]))
    return x, {"binary": (score > 0.3).astype(int), "multiclass": classes, "regression": np.exp(score / 2)}


def scaled(numbers: Any = None, codes: Any = None) -> ColumnTransformer:
    """The usual transformer to a dense matrix of finite numbers, with one of its parts changed."""
    numbers = numbers or make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True), StandardScaler()
    )
    codes = codes or OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return ColumnTransformer([("numbers", numbers, NUMBERS), ("codes", codes, CODES)])


def imputed(*steps: Any, **settings: Any) -> ColumnTransformer:
    """The usual transformer with another imputer and other steps for the numbers."""
    return scaled(make_pipeline(SimpleImputer(**{"strategy": "mean", "keep_empty_features": True} | settings), *steps))


MOST = SimpleImputer(strategy="median", keep_empty_features=True)


def chained(regressor: Any, **settings: Any) -> IterativeImputer:
    """Chained equations whose answers are cut to what is near."""
    return IterativeImputer(regressor, max_iter=4, tol=10.0, min_value=-5, max_value=20_000, **settings)


FOREST: dict[str, Any] = {"n_estimators": 12, "random_state": 0}


def linear(problem: str) -> Any:
    """A linear model for the problem."""
    return Ridge() if problem == "regression" else LogisticRegression(max_iter=5000)


def boosting(problem: str, **settings: Any) -> Any:
    """Boosting over all columns but the empty one, which it cannot be fitted on."""
    kind = HistGradientBoostingRegressor if problem == "regression" else HistGradientBoostingClassifier
    kept = ColumnTransformer([("kept", "passthrough", [0, 1, 2, 3, 4, 6, 7])])
    return make_pipeline(kept, kind(max_iter=15, min_samples_leaf=4, early_stopping=False, random_state=0, **settings))


def neural(problem: str, **settings: Any) -> Any:
    """A small network that is content after a few steps."""
    kind = MLPRegressor if problem == "regression" else MLPClassifier
    return make_pipeline(scaled(), kind(tol=1e9, n_iter_no_change=20, random_state=0, **settings))


def log_target(regressor: Any) -> Any:
    """The regressor of log(1 + target)."""
    return TransformedTargetRegressor(regressor, func=np.log1p, inverse_func=np.expm1, check_inverse=False)


def either(classifier: Any, regressor: Any) -> Callable[[str], Any]:
    """The one that the problem asks for."""
    return lambda problem: clone(regressor if problem == "regression" else classifier)


EVERY: dict[str, Callable[[str], Any]] = {
    "tree": either(DecisionTreeClassifier(random_state=0), DecisionTreeRegressor(random_state=0)),
    "stump of one leaf": either(
        DecisionTreeClassifier(max_leaf_nodes=2, min_samples_leaf=250), DecisionTreeRegressor(min_samples_leaf=250)
    ),
    "random forest": either(RandomForestClassifier(**FOREST), RandomForestRegressor(**FOREST)),
    "extra trees": either(ExtraTreesClassifier(**FOREST), ExtraTreesRegressor(min_samples_leaf=2, **FOREST)),
    "boosting": lambda problem: boosting(problem),
    "boosting, native categories": lambda problem: boosting(problem, categorical_features=[4, 5, 6]),
    "linear": lambda problem: make_pipeline(scaled(), linear(problem)),
    "neural, relu": lambda problem: neural(problem, hidden_layer_sizes=(8, 4)),
    "neural, tanh": lambda problem: neural(problem, hidden_layer_sizes=(8,), activation="tanh"),
    "neural, logistic": lambda problem: neural(problem, hidden_layer_sizes=(8,), activation="logistic"),
    "baseline": either(DummyClassifier(strategy="prior"), DummyRegressor(strategy="mean")),
    "baseline, other": either(DummyClassifier(strategy="most_frequent"), DummyRegressor(strategy="median")),
    "robust scaler": lambda problem: make_pipeline(imputed(RobustScaler()), linear(problem)),
    "min-max scaler": lambda problem: make_pipeline(imputed(MinMaxScaler()), linear(problem)),
    "min-max scaler, clipped": lambda problem: make_pipeline(
        imputed(MinMaxScaler((-1, 2), clip=True)), linear(problem)
    ),
    "max-abs scaler": lambda problem: make_pipeline(imputed(MaxAbsScaler()), linear(problem)),
    "scaler without mean": lambda problem: make_pipeline(
        imputed(MaxAbsScaler(), StandardScaler(with_mean=False)), linear(problem)
    ),
    "power": lambda problem: make_pipeline(
        imputed(StandardScaler(), MinMaxScaler((-1, 1), clip=True), PowerTransformer()), linear(problem)
    ),
    "bins": lambda problem: make_pipeline(
        ColumnTransformer([("numbers", SimpleImputer(), [0, 1, 2, 3])]),
        KBinsDiscretizer(4, encode="onehot-dense", quantile_method="averaged_inverted_cdf"),
        linear(problem),
    ),
    "bins by number": lambda problem: make_pipeline(
        ColumnTransformer([("numbers", SimpleImputer(), [0, 1, 2, 3])]),
        KBinsDiscretizer(5, encode="ordinal", quantile_method="averaged_inverted_cdf"),
        linear(problem),
    ),
    "quantiles, uniform": lambda problem: make_pipeline(
        imputed(QuantileTransformer(n_quantiles=60, random_state=0)), linear(problem)
    ),
    "quantiles, normal": lambda problem: make_pipeline(
        imputed(QuantileTransformer(n_quantiles=60, output_distribution="normal", random_state=0)), linear(problem)
    ),
    "quantiles before imputing": lambda problem: make_pipeline(
        ColumnTransformer([("numbers", QuantileTransformer(n_quantiles=400), [0, 1, 2, 3, 4])]), MOST, linear(problem)
    ),
    "iterative imputer": lambda problem: make_pipeline(
        ColumnTransformer([("numbers", chained(BayesianRidge(), add_indicator=True), [0, 1, 2, 3, 4])]),
        StandardScaler(),
        linear(problem),
    ),
    "iterative imputer, empty columns kept": lambda problem: make_pipeline(
        scaled(make_pipeline(chained(Ridge(), keep_empty_features=True), StandardScaler())), linear(problem)
    ),
    "model imputer": lambda problem: make_pipeline(
        ColumnTransformer(
            [
                ("values", make_pipeline(ModelImputer([0, 1, 5, 4]), StandardScaler()), NUMBERS),
                ("missing", MissingIndicator(features="all"), [0, 1, 5, 4]),
            ]
        ),
        linear(problem),
    ),
    "model imputer, one column": lambda problem: make_pipeline(ModelImputer([1]), linear(problem)),
    "cycles": lambda problem: make_pipeline(
        ColumnTransformer(
            [
                (name, make_pipeline(FunctionTransformer(place), FunctionTransformer(cycles.waves)), [2])
                for name, place in cycles.PLACES.items()
            ]
            + [("places", make_pipeline(FunctionTransformer(cycles.week), SimpleImputer()), [2])]
        ),
        linear(problem),
    ),
    "components": lambda problem: make_pipeline(imputed(StandardScaler(), PCA(2, whiten=True)), linear(problem)),
    "landmarks": lambda problem: make_pipeline(
        imputed(StandardScaler()), Nystroem(gamma=0.05, n_components=40, random_state=0), linear(problem)
    ),
    "variance": lambda problem: make_pipeline(imputed(MaxAbsScaler(), VarianceThreshold(1e-6)), linear(problem)),
    "functions": lambda problem: make_pipeline(
        imputed(
            MinMaxScaler(clip=True),
            FeatureUnion(
                [("root", FunctionTransformer(np.sqrt)), ("log", FunctionTransformer(np.log1p))],
                transformer_weights={"log": 2.0},
            ),
        ),
        linear(problem),
    ),
    "imputer, most frequent": lambda problem: make_pipeline(
        imputed(StandardScaler(), strategy="most_frequent", add_indicator=True), linear(problem)
    ),
    "imputer, constant": lambda problem: make_pipeline(
        imputed(StandardScaler(), strategy="constant", fill_value=-3.5, add_indicator=True), linear(problem)
    ),
    "columns passed, dropped and remaining": lambda problem: make_pipeline(
        ColumnTransformer(
            [
                ("flag", "passthrough", [4]),
                (
                    "colour",
                    OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-5, encoded_missing_value=9),
                    [6],
                ),
                ("none", "drop", [1, 5, 7]),
            ],
            remainder=MinMaxScaler(),
        ),
        SimpleImputer(),
        linear(problem),
    ),
    "one-hot, drop first": lambda problem: make_pipeline(
        scaled(codes=OneHotEncoder(drop="first", handle_unknown="ignore", sparse_output=False)), linear(problem)
    ),
    "one-hot, rare in one": lambda problem: make_pipeline(
        scaled(codes=OneHotEncoder(min_frequency=20, handle_unknown="infrequent_if_exist", sparse_output=False)),
        linear(problem),
    ),
    "one-hot, rare in one, unknown in none": lambda problem: make_pipeline(
        scaled(codes=OneHotEncoder(max_categories=6, drop="if_binary", handle_unknown="ignore", sparse_output=False)),
        linear(problem),
    ),
    "ordinal, rare in one": lambda problem: make_pipeline(
        scaled(
            codes=make_pipeline(
                OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, max_categories=5),
                SimpleImputer(strategy="constant", fill_value=-2.0),
            )
        ),
        linear(problem),
    ),
    "target encoder": lambda problem: make_pipeline(
        scaled(codes=make_pipeline(TargetEncoder(), StandardScaler())), linear(problem)
    ),
    "blend": lambda problem: [
        *(
            EVERY[name](problem)
            for name in ("linear", "target encoder", "boosting, native categories", "extra trees", "baseline")
        )
    ],
}
CLASSIFIERS: dict[str, Callable[[str], Any]] = {
    "one against the rest": lambda problem: make_pipeline(scaled(), SGDClassifier(loss="log_loss", random_state=0)),
    "forest of balanced classes": lambda problem: RandomForestClassifier(
        class_weight="balanced", max_depth=4, **FOREST
    ),
}
REGRESSORS: dict[str, Callable[[str], Any]] = {
    "least squares": lambda problem: make_pipeline(scaled(), LinearRegression()),
    "lasso": lambda problem: make_pipeline(scaled(), Lasso(0.01)),
    "elastic net": lambda problem: make_pipeline(scaled(), ElasticNet(0.01)),
    "sgd": lambda problem: make_pipeline(scaled(), SGDRegressor(random_state=0)),
    "huber": lambda problem: make_pipeline(scaled(), HuberRegressor(max_iter=1000)),
    "poisson": lambda problem: make_pipeline(imputed(MinMaxScaler(clip=True)), PoissonRegressor()),
    "gamma": lambda problem: make_pipeline(imputed(MinMaxScaler(clip=True)), GammaRegressor()),
    "boosting, poisson": lambda problem: boosting(problem, loss="poisson"),
    "boosting, gamma": lambda problem: boosting(problem, loss="gamma"),
    "boosting, absolute error": lambda problem: boosting(problem, loss="absolute_error"),
    "boosting of the log": lambda problem: log_target(boosting(problem)),
    "linear of the log": lambda problem: log_target(make_pipeline(imputed(MinMaxScaler(clip=True)), Ridge())),
    "tree of absolute error": lambda problem: DecisionTreeRegressor(criterion="absolute_error", max_depth=5),
    "scaled target": lambda problem: TransformedTargetRegressor(DecisionTreeRegressor(), transformer=StandardScaler()),
}


def cases() -> Iterator[tuple[str, str]]:
    """Every name with every problem that it is for."""
    for problem in CLASSES:
        for name in (*EVERY, *(REGRESSORS if problem == "regression" else CLASSIFIERS)):
            yield name, problem


def fitted(name: str, problem: str) -> Any:
    """The estimator of that name, fitted."""
    x, targets = training()
    made = {**EVERY, **CLASSIFIERS, **REGRESSORS}[name](problem)
    if isinstance(made, list):
        members = [member.fit(x, targets[problem]) for member in made]
        return Blend(members, [0.3, 0.15, 0.25, 0.2, 0.1])
    return made.fit(x, targets[problem])


def questions(model: Any) -> np.ndarray:
    """Rows from training, missing, unseen and extreme ones, and rows on and beside every threshold of a tree."""
    x, _ = training()
    rows = [strange_rows(x[:150], FEATURES), np.full((2, len(KINDS)), [[1e30], [-1e30]])]
    for column in CODES:  # codes in gaps, and beyond all that were seen, around the words of a bit set
        block = np.repeat(x[:1], 12, axis=0)
        block[:, column] = [3, 5, 31, 32, 63, 64, 121, 127, 128, 255, 256, 100_000]
        rows.append(block)
    for column, threshold in sorted({at for at in thresholds(model) if abs(at[1]) < 1e30 and at[0] not in CODES}):
        beside = np.float32(threshold)
        middle = (float(beside) + float(np.nextafter(beside, np.float32(np.inf)))) / 2
        for value in (threshold, float(beside), middle):
            near = np.array([np.nextafter(value, -np.inf), value, np.nextafter(value, np.inf)])
            block = np.repeat(x[:1], 3, axis=0)
            block[:, column] = near
            rows.append(block)
    return np.concatenate(rows)


def thresholds(model: Any) -> Iterator[tuple[int, float]]:
    """Where a tree's answer may change: the column and the value, for some trees."""
    if isinstance(model, Blend):
        yield from (found for member in model.members for found in thresholds(member))
    elif isinstance(model, Pipeline):
        columns = [0, 1, 2, 3, 4, 6, 7]  # as `boosting` passes them on
        yield from ((columns[column], value) for column, value in thresholds(model[-1]))
    for tree in [tree.tree_ for tree in getattr(model, "estimators_", [model]) if hasattr(tree, "tree_")][:3]:
        inner = tree.children_left >= 0
        yield from zip(tree.feature[inner].tolist(), tree.threshold[inner].tolist(), strict=True)
    for predictor in [predictor for stage in getattr(model, "_predictors", [])[:3] for predictor in stage]:
        if model.is_categorical_ is None:
            inner = predictor.nodes[predictor.nodes["is_leaf"] == 0]
            yield from zip(inner["feature_idx"].tolist(), inner["num_threshold"].tolist(), strict=True)
