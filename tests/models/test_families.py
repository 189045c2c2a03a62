"""What holds for every family, and for every problem it may be asked about."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import optuna
import pytest

from tasks.core.model_records import ModelCard
from tasks.core.records import Feature, Problem, Target
from tasks.exports.onnx import export
from tasks.exports.parity import TOLERANCE, largest_difference, strange_rows
from tasks.learning.parallel import heard, one_thread
from tasks.models import FAMILIES
from tasks.models.blend import Blend
from tasks.models.family import Profile, answer
from tasks.scoring.scorer import Scorer

PROBLEMS: tuple[Problem, ...] = ("binary", "multiclass", "regression")
FEATURES = (
    Feature(name="size", kind="number"),
    Feature(name="colour", kind="category", levels=("red", "green", "blue")),
    Feature(name="garden", kind="boolean"),
    Feature(name="street", kind="category", levels=tuple(f"street {n}" for n in range(40))),
    Feature(name="never known", kind="number"),
)
CLASSES = {"binary": ("no", "yes"), "multiclass": ("a", "b", "c"), "regression": ()}

every_family = pytest.mark.parametrize("name", FAMILIES)
every_problem = pytest.mark.parametrize("problem", PROBLEMS)


def rows(problem: Problem, n_rows: int = 240) -> tuple[np.ndarray, np.ndarray]:
    """A matrix with missing, unseen and all-missing, and a target that goes with it."""
    generator = np.random.default_rng(3)
    x = np.column_stack(
        [
            generator.lognormal(3, 1, n_rows),
            generator.integers(-1, 3, n_rows),
            generator.integers(0, 2, n_rows),
            generator.integers(0, 40, n_rows),
            np.full(n_rows, np.nan),
        ]
    ).astype(float)
    signal = np.log(x[:, 0]) + x[:, 1] + x[:, 2] * (x[:, 3] % 3) + generator.normal(0, 0.5, n_rows)
    x[generator.random(x.shape) < 0.05] = np.nan
    if problem == "regression":
        return x, np.exp(signal / 2) * 1000
    cuts = np.quantile(signal, np.linspace(0, 1, len(CLASSES[problem]) + 1)[1:-1])
    return x, np.searchsorted(cuts, signal)


def profile(problem: Problem, **changes: Any) -> Profile:
    known = {
        "n_rows": 240,
        "n_features": 5,
        "n_categories": 2,
        "n_levels": 43,
        "widest_category": 40,
        "problem": problem,
        "n_classes": len(CLASSES[problem]),
        "skewed_target": problem == "regression",
        "cores": 2,
        "memory_bytes": 8 << 30,
    }
    return Profile(**{**known, **changes})


def fitted(name: str, problem: Problem, params: Any = None, seed: int = 0) -> Any:
    family = FAMILIES[name]
    x, y = rows(problem)
    chosen = dict(family.defaults(profile(problem))[0]) if params is None else params
    if name == "boosting":
        chosen = {"max_iter": 20} | chosen
    with heard(), one_thread():
        return family.fit(family.estimator(problem, FEATURES, chosen, seed), x, y)


@every_family
@every_problem
def test_defaults_are_points_of_the_search_space(name: str, problem: Problem) -> None:
    family = FAMILIES[name]
    for known in (profile(problem), profile(problem, n_rows=8), profile(problem, n_rows=60_000, n_features=500)):
        for params in family.defaults(known):
            fixed = optuna.trial.FixedTrial(dict(params))
            assert family.search_space(fixed, known) == params
            for suggested, distribution in fixed.distributions.items():
                assert distribution._contains(distribution.to_internal_repr(params[suggested]))


@every_family
@every_problem
def test_a_sampled_point_survives_json_and_can_be_fitted(name: str, problem: Problem) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    for _ in range(2):
        params = FAMILIES[name].search_space(study.ask(), profile(problem))
        assert json.loads(json.dumps(params)) == params
        assert np.isfinite(answer(fitted(name, problem, params), rows(problem)[0])).all()


@every_family
@every_problem
def test_the_same_seed_learns_the_same_and_leaves_the_data_alone(name: str, problem: Problem) -> None:
    x, y = rows(problem)
    before = x.copy(), y.copy()
    family = FAMILIES[name]
    answers = []
    for threads in (1, 2):
        params = {**({"max_iter": 20} if name == "boosting" else {}), **family.defaults(profile(problem))[0]}
        with heard(), one_thread():
            model = family.fit(family.estimator(problem, FEATURES, params, 0, threads), x, y)
        answers.append(answer(model, x))
    np.testing.assert_array_equal(answers[0], answers[1])
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(y, before[1])


@every_family
@every_problem
def test_unseen_missing_and_single_rows_are_answered(name: str, problem: Problem) -> None:
    model = fitted(name, problem)
    x, _ = rows(problem)
    strange = strange_rows(x[:20], FEATURES)
    answers = answer(model, strange)
    assert answers.shape == ((len(strange), len(CLASSES[problem])) if CLASSES[problem] else (len(strange),))
    np.testing.assert_allclose(answer(model, strange[:1]), answers[:1], rtol=1e-12)
    if problem != "regression":
        np.testing.assert_allclose(answers.sum(axis=1), 1.0)


@every_family
@every_problem
def test_the_exported_file_answers_as_the_fitted_model(name: str, problem: Problem, tmp_path: Any) -> None:
    for params in FAMILIES[name].defaults(profile(problem)):
        model = fitted(name, problem, params)
        assert_same_when_exported(model, problem, tmp_path)


@every_problem
def test_a_blend_of_all_families_is_exported_as_one_file(problem: Problem, tmp_path: Any) -> None:
    models = [fitted(name, problem) for name in FAMILIES]
    weights = np.arange(1, len(models) + 1) / sum(range(len(models) + 1))
    blend = Blend(models, weights.tolist())
    x, _ = rows(problem)
    expected = sum(weight * answer(model, x) for weight, model in zip(weights, models, strict=True))
    np.testing.assert_allclose(answer(blend, x), expected)
    assert_same_when_exported(blend, problem, tmp_path)


def assert_same_when_exported(model: Any, problem: Problem, folder: Any) -> None:
    card = ModelCard(
        project="p",
        target=Target(name="y", problem=problem, classes=CLASSES[problem]),
        metric="rmse",
        inputs=(),
        features=FEATURES,
        members=(),
        data_digest="",
        sample=(),
    )
    strange = strange_rows(rows(problem)[0][:50], FEATURES)
    path = folder / "model.onnx"
    path.write_bytes(export(model, card))
    with one_thread():
        expected = answer(model, strange)
    assert largest_difference(expected, Scorer.open(path, None).ask(strange)) <= TOLERANCE


@every_problem
def test_one_fit_speaks_truly_for_fewer_iterations(problem: Problem) -> None:
    family = FAMILIES["boosting"]
    x, y = rows(problem)
    params = dict(family.defaults(profile(problem))[1])
    with heard(), one_thread():
        watched = family.fit(family.estimator(problem, FEATURES, params, 0), x[:180], y[:180], (x[180:], y[180:]), 10)
        variants = list(family.variants(watched, x[180:], params))
        chosen, answers = variants[8]
        again = family.fit(family.estimator(problem, FEATURES, chosen, 0), x[:180], y[:180])
    np.testing.assert_array_equal(answer(again, x[180:]), answers)
    assert len(variants) == len({variant["max_iter"] for variant, _ in variants})


def test_boosting_shows_a_curve_for_rows_that_it_only_watches() -> None:
    family = FAMILIES["boosting"]
    x, y = rows("binary")
    params = {**family.defaults(profile("binary"))[0], "max_iter": 12}
    with heard(), one_thread():
        model = family.fit(family.estimator("binary", FEATURES, params, 0), x[:180], y[:180], (x[180:], y[180:]))
    curves = family.curves(model)
    assert {name: len(losses) for name, losses in curves.items()} == {"train": 13, "validation": 13}
    assert curves["train"][-1] < curves["train"][0]


def test_few_rows_and_wide_rows_leave_linear_and_boosting() -> None:
    tiny = {name for name, family in FAMILIES.items() if family.suits(profile("binary", n_rows=20)).chosen}
    wide = {
        name
        for name, family in FAMILIES.items()
        if family.suits(profile("binary", n_rows=5_000, n_features=10_000)).chosen
    }
    assert tiny == {"baseline", "linear", "boosting"}
    assert wide == {"baseline", "linear", "boosting"}
