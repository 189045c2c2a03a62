"""What is inferred of a column is told with its reason; what is said is done in every family, exported and served."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from itertools import product
from typing import Any, get_args

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from tasks.core.choices import Choice
from tasks.core.errors import DataError, ProjectError, UsageError
from tasks.core.model_records import Member, ModelCard
from tasks.core.records import Column, Encode, Feature, Missing, Note, Problem, Scale, Target, Treatment
from tasks.core.store import dataset, put_parts
from tasks.exports.onnx import export
from tasks.exports.parity import TOLERANCE, largest_difference, strange_rows
from tasks.learning.development import Development, Round
from tasks.learning.fitting import blended
from tasks.learning.parallel import heard, one_thread
from tasks.modalities.features import features
from tasks.modalities.front import behind, front
from tasks.modalities.matrix import matrix, row
from tasks.modalities.treatments import cells
from tasks.models.family import answer
from tasks.scoring.scorer import Scorer

pytestmark = pytest.mark.usefixtures("open_store")

N_ROWS = 160
PROBLEMS: tuple[Problem, ...] = ("binary", "multiclass", "regression")
CLASSES = {"binary": ("no", "yes"), "multiclass": ("a", "b", "c"), "regression": ()}
OF_NUMBERS = list(product(get_args(Missing), get_args(Scale)))
OF_CATEGORIES = list(product(("native", "most_frequent", "constant"), get_args(Encode)))


def table(n_rows: int = N_ROWS) -> pl.DataFrame:
    """Two skewed and gappy numbers, a truth value, a grade, a town of many, and a moment over three years."""
    rng = np.random.default_rng(11)
    start = datetime.fromisoformat("2020-01-01")
    columns: dict[str, Any] = {
        "size": rng.lognormal(2, 2, n_rows),
        "age": rng.normal(40, 9, n_rows).round(),
        "garden": rng.random(n_rows) < 0.4,
        "grade": rng.choice(["low", "mid", "high"], n_rows),
        "town": [f"town {n}" for n in np.minimum(rng.geometric(0.06, n_rows), 60)],
        "when": [start + timedelta(hours=float(h)) for h in rng.integers(0, 3 * 365 * 24, n_rows)],
    }
    gaps = {name: rng.random(n_rows) < 0.12 for name in columns}
    return pl.DataFrame(
        {name: [None if g else v for v, g in zip(values, gaps[name], strict=True)] for name, values in columns.items()},
        strict=False,
    )


def made(frame: pl.DataFrame, said: dict[str, Any] | None = None) -> dict[str, Feature | Note]:
    """What preparation makes of the frame's columns, by name."""
    rows = frame.to_arrow()
    columns = [Column(name=name, type="number", n_missing=0) for name in frame.columns]
    train = dataset("train", put_parts(rows.to_batches(), rows.schema), columns)
    choices = {name: Choice.model_validate(choice) for name, choice in (said or {}).items()}
    found, notes = features(train, columns, {}, choices)
    return {each.name: each for each in found} | {str(note.column): note for note in notes if note.kind != "noise"}


def treatments(frame: pl.DataFrame, said: dict[str, Any] | None = None) -> dict[str, Treatment]:
    return {name: each.treatment for name, each in made(frame, said).items() if isinstance(each, Feature)}


def target_of(frame: pl.DataFrame, problem: Problem) -> np.ndarray:
    rng = np.random.default_rng(5)
    score = frame["age"].fill_null(20).to_numpy() / 10 + (frame["grade"] == "low").fill_null(False).to_numpy() * 2
    score = score + rng.normal(size=len(score))
    return (
        score
        if problem == "regression"
        else np.digitize(score, np.quantile(score, [0.5, 0.8][: len(CLASSES[problem]) - 1]))
    )


def development(frame: pl.DataFrame, found: tuple[Feature, ...], problem: Problem) -> Development:
    rows = np.arange(len(frame))
    x, y = matrix(frame, found), target_of(frame, problem)
    target = Target(name="y", problem=problem, classes=CLASSES[problem])
    return Development(x, y, len(rows), found, target, (Round(rows, rows),), len(rows))


def members(*families: str) -> tuple[Member, ...]:
    params = {"linear": {"penalty": 1.0}, "neural": {"width": 8, "depth": 1, "alpha": 0.1, "learning_rate": 0.01}}
    params["boosting"] = {"max_leaf_nodes": 6, "min_samples_leaf": 5, "max_features": 1.0, "max_iter": 8}
    params["boosting"] |= {"learning_rate": 0.2, "l2_regularization": 1.0, "interactions": True, "target": "raw"}
    params["tree"] = {"max_depth": 4, "min_samples_leaf": 3}
    return tuple(
        Member(family=name, params=json.dumps(params[name]), weight=1 / len(families), score=0.0) for name in families
    )


# What is inferred


def test_a_number_is_scaled_in_another_way_than_its_shape_asks_for() -> None:
    rng = np.random.default_rng(0)
    heavy = rng.standard_t(2.2, 4000)
    heavy = np.concatenate([heavy, -heavy])  # its skew is 0
    found = treatments(
        pl.DataFrame(
            {
                "normal": rng.normal(5, 2, 8000),
                "skewed": rng.lognormal(0, 1.5, 8000),
                "left": -rng.lognormal(0, 1.5, 8000),
                "heavy": heavy,
                "flag": [0, 1, 0, 0, 0, 0, 0, 0] * 1000,
                "rare": [0] * 7980 + [1] * 20,
                "huge": rng.lognormal(0, 300, 8000),
            }
        )
    )
    assert {name: treatment.scale for name, treatment in found.items()} == {
        "normal": "standard",
        "skewed": "power",
        "left": "power",
        "heavy": "robust",
        "flag": "standard",
        "rare": "standard",
        "huge": "power",
    } | {"huge": found["huge"].scale}
    assert "skewed to the right" in found["skewed"].reason and "to the left" in found["left"].reason
    assert "heavy tails" in found["heavy"].reason
    assert all(treatment.missing == "median" and not treatment.said for treatment in found.values())


def test_a_category_is_encoded_in_another_way_than_its_levels_ask_for() -> None:
    n_rows = 12_000
    found = made(
        pl.DataFrame(
            {
                "few": [f"f{i % 7}" for i in range(n_rows)],
                "many": [f"m{i % 90}" for i in range(n_rows)],
                "very many": [f"v{i % 4000}" for i in range(n_rows)],
                "names": [f"n{i % 9000}" for i in range(n_rows)],
            }
        )
    )
    told = {name: each.treatment.encode for name, each in found.items() if isinstance(each, Feature)}
    assert told == {"few": "one_hot", "many": "target", "very many": "hash"}
    assert isinstance(found["names"], Note) and "like an identifier" in found["names"].text


def test_a_cycle_that_was_seen_once_is_taken_for_one_that_comes_again() -> None:
    start = datetime.fromisoformat("2021-03-01")
    hours = {"days": 24, "five weeks of hours": 1, "years": 24}
    lengths = {"days": 10, "five weeks of hours": 840, "years": 900}
    for name, step in hours.items():
        moments = [start + timedelta(hours=step * i) for i in range(lengths[name])]
        cycles = treatments(pl.DataFrame({"t": moments}))["t"].cycles
        assert cycles == {"days": (), "five weeks of hours": ("week", "day"), "years": ("year", "week")}[name]


# What is said


def test_a_choice_of_project_yaml_is_lost() -> None:
    said = {
        "size": {"missing": "constant", "fill": -1, "scale": "robust"},
        "when": {"missing": "constant", "fill": "2020-01-11"},
        "garden": {"missing": "constant", "fill": True},
        "grade": {"order": ["low", "mid", "high"], "missing": "constant", "fill": "mid"},
        "town": {"encode": "hash"},
    }
    found = treatments(table(), said)
    assert (found["size"].fill, found["size"].scale, found["size"].said) == (-1.0, "robust", ("missing", "scale"))
    assert found["when"].fill == 18272.0 and found["garden"].fill == 1.0
    assert (found["grade"].encode, found["grade"].fill) == ("ordinal", 1.0)
    assert found["town"].buckets >= 256
    assert all("as the project says" in treatment.reason for name, treatment in found.items() if name != "age")


def test_what_stands_for_a_missing_category_is_no_level_of_its_own() -> None:
    feature = made(table(), {"grade": {"missing": "constant", "fill": "none given"}})["grade"]
    assert isinstance(feature, Feature)
    assert feature.levels[-1] == "none given" and feature.treatment.fill == 3.0
    assert row([feature])({"grade": "none given"}) == [3.0]


def test_numbers_and_truths_among_levels_are_other_values_than_those_of_the_data() -> None:
    frame = pl.DataFrame({"n": [3, 1, 2, None] * 20, "f": [0.5, 2.0, 10.0, 2.0] * 20, "b": [True, False] * 40})
    said = {"n": {"order": [1, 2, 3]}, "f": {"encode": "ordinal"}, "b": {"order": [True, False]}}
    found = made(frame, said)
    assert [each.levels for each in found.values() if isinstance(each, Feature)] == [
        ("1", "2", "3"),
        ("0.5", "2.0", "10.0"),
        ("true", "false"),
    ]
    chosen = tuple(each for each in found.values() if isinstance(each, Feature))
    np.testing.assert_array_equal(matrix(frame[:4], chosen)[:, :2], [[2, 0], [0, 1], [1, 2], [np.nan, 1]])
    unfitted = front(chosen, "compact", "binary", 0)
    assert unfitted is not None
    x = matrix(frame.vstack(pl.DataFrame({"n": [9], "f": [7.0], "b": [None]}, schema=frame.schema)), chosen)
    np.testing.assert_array_equal(unfitted.fit(x[:80]).transform(x[80:]), [[np.nan] * 3])  # unseen is missing
    assert [each.kind for each in behind(chosen, unfitted)] == ["number"] * 3


@pytest.mark.parametrize(
    ("column", "said", "words"),
    [
        ("town", {"scale": "robust"}, r"scale: robust.*'town'.*a number, or a category with `encode: ordinal`"),
        ("town", {"missing": "median"}, r"missing: median.*'town'.*native, most_frequent or constant"),
        ("size", {"missing": "constant", "fill": "abc"}, r"'size'.*a number as `fill`"),
        ("when", {"missing": "constant", "fill": "soon"}, r"fill: soon.*'when'.*dates"),
        ("when", {"encode": "one_hot"}, r"'when'.*category"),
        ("grade", {"encode": "ordinal"}, r"ordinal.*'grade'.*order: \[lowest.*'mid'"),
        ("grade", {"order": ["low", "middle", "high"]}, r"`order` of 'grade'.*also 'mid'; .*no row has 'middle'"),
        ("grade", {"order": ["low", "mid"]}, r"`order` of 'grade'.*also 'high'"),
        (
            "grade",
            {"order": ["low", "mid", "high"], "missing": "constant", "fill": "other"},
            r"fill: other.*'grade'.*low, mid, high",
        ),
        ("note", {"read": "text", "missing": "most_frequent"}, r"missing: most_frequent.*'note'.*nothing but `read`"),
    ],
)
def test_a_choice_that_cannot_be_is_not_told_in_a_sentence(column: str, said: dict[str, Any], words: str) -> None:
    frame = table().with_columns(note=pl.Series([f"the {i} is {i % 7} and so" for i in range(N_ROWS)]))
    with pytest.raises(UsageError, match=words) as raised:
        made(frame, {column: said})
    assert isinstance(raised.value, ProjectError | DataError)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"missing": "constant"}, "say both or neither"),
        ({"fill": 3}, "say both or neither"),
        ({"encode": "one_hot", "order": ["a"]}, "does not keep"),
        ({"order": ["a", "b", "a"]}, "each level once, not a twice"),
        ({"read": "text", "encode": "hash"}, "for categories"),
        ({"scale": "log"}, "'none', 'standard'"),
    ],
)
def test_a_contradiction_in_project_yaml_is_found_with_the_data_alone(said: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Choice.model_validate(said)


def test_a_level_of_the_order_that_no_training_row_has_is_refused() -> None:
    treatment = treatments(table(), {"grade": {"order": ["none", "low", "mid", "high"]}})["grade"]
    assert "no training row has 'none'" in treatment.reason


def test_what_a_person_is_told_is_not_what_is_done() -> None:
    said = {"age": {"missing": "constant", "fill": -1}, "grade": {"missing": "constant", "fill": "low"}}
    found = made(table(), said)
    told = {name: cells(each) for name, each in found.items() if isinstance(each, Feature)}
    assert told["age"] == ("-1", "standard", "")
    assert told["grade"] == ("low", "", "one_hot")
    assert told["town"] == ("a level of its own", "", "one_hot")
    assert told["size"] == ("median", "power", "")


# What reaches the models


def of_number(number: int) -> dict[str, Any]:
    missing, scale = OF_NUMBERS[number % len(OF_NUMBERS)]
    return {"missing": missing, "scale": scale} | ({"fill": -3.5} if missing == "constant" else {})


def of_category(number: int) -> dict[str, Any]:
    missing, encode = OF_CATEGORIES[number % len(OF_CATEGORIES)]
    order = {"order": ["low", "mid", "high"]} if encode == "ordinal" else {}
    return {"missing": missing, "encode": encode} | order | ({"fill": "mid"} if missing == "constant" else {})


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(OF_NUMBERS)))
def test_a_choice_cannot_be_fitted_exported_or_served(number: int) -> None:
    said = {"size": of_number(number), "age": of_number(7 * number + 3), "grade": of_category(number)}
    town = of_category(5 * number + 1)
    said["town"] = town if town["encode"] != "ordinal" else {"encode": "target"}
    frame = table()
    found = tuple(each for each in made(frame, said).values() if isinstance(each, Feature))
    problem = PROBLEMS[number % 3]
    data = development(frame, found, problem)
    rows = np.arange(N_ROWS)
    with heard(), one_thread():
        model = blended(members("linear", "boosting"), data, rows, 0, 1)
        again = blended(members("linear", "boosting"), data, rows, 0, 1)
        strange = strange_rows(data.x[:30], found)
        expected = answer(model, strange)
        np.testing.assert_array_equal(expected, answer(again, strange))
    card = ModelCard(
        project="p",
        target=data.target,
        metric="m",
        inputs=(),
        features=found,
        members=(),
        data_digest="",
        sample=(),
    )
    scorer = Scorer.of(export(model, card))
    answers = scorer.ask(strange)
    assert np.isfinite(answers).all()
    assert largest_difference(expected, answers) <= TOLERANCE
    alone = np.concatenate([scorer.ask(strange[i : i + 1]) for i in range(0, len(strange), 9)])
    assert largest_difference(answers[::9], alone) <= TOLERANCE
    encoded = np.array([row(found)(values) for values in frame.iter_rows(named=True)])
    np.testing.assert_array_equal(encoded, data.x)


def test_what_is_said_reaches_the_families_that_scale_alone() -> None:
    said = {
        "size": {"missing": "model", "scale": "power"},
        "age": {"missing": "mean"},
        "grade": {"encode": "one_hot"},
        "town": {"encode": "target", "missing": "most_frequent"},
    }
    frame = table()
    found = tuple(each for each in made(frame, said).values() if isinstance(each, Feature))
    seen = development(frame, found, "binary").seen("compact", np.arange(N_ROWS), 0)
    names = [each.name for each in seen.features]
    filled = [i for i, each in enumerate(seen.features) if each.name in ("size", "age") or "town" in each.name]
    assert not np.isnan(seen.x[:, filled]).any()
    for name in ("size", "age", "town"):
        was = seen.x[:, names.index(f"{name} is missing")]
        np.testing.assert_array_equal(was, frame[name].is_null().cast(pl.Float64).to_numpy())
    grades = [i for i, name in enumerate(names) if name.startswith("grade=")]
    assert len(grades) == 4 and (seen.x[:, grades].sum(axis=1) == 1).all()
    assert {"year of when", "week of when", "day of when"} <= set(names)
    assert len(names) == seen.x.shape[1]


def test_a_row_is_encoded_by_its_own_target() -> None:
    frame = pl.DataFrame({"id": [f"{i // 2}" for i in range(400)]})
    found = tuple(e for e in made(frame, {"id": {"encode": "target"}}).values() if isinstance(e, Feature))
    y = np.random.default_rng(0).integers(0, 2, 400)
    target = Target(name="y", problem="binary", classes=("0", "1"))
    x = matrix(frame, found)
    half = np.arange(0, 200)
    data = Development(x, y, 400, found, target, (Round(half, np.arange(200, 400)),), 400)
    seen = data.seen("compact", half, 0).x[:, 0]
    assert abs(np.corrcoef(seen[half], y[half])[0, 1]) < 0.3
    unfitted = front(found, "compact", "binary", 0)
    assert unfitted is not None
    own = unfitted.fit(x[half], y[half]).transform(x[half])[:, 0]
    assert np.corrcoef(own, y[half])[0, 1] > 0.5  # what it would have been


def test_what_the_project_does_not_say_changes_what_trees_see() -> None:
    frame = table().drop("when")
    found = tuple(each for each in made(frame).values() if isinstance(each, Feature))
    assert front(found, "compact", "binary", 0) is None


def test_a_value_that_is_no_date_has_a_place_in_the_week() -> None:
    frame = table()
    found = tuple(each for each in made(frame).values() if isinstance(each, Feature))
    unfitted = front(found, "compact", "binary", 0)
    assert unfitted is not None
    x = matrix(frame, found)
    places = [i for i, each in enumerate(behind(found, unfitted.fit(x))) if each.kind == "cycle"]
    seen = unfitted.transform(x)
    assert (np.isnan(seen[:, places]).any(axis=1) == frame["when"].is_null().to_numpy()).all()
    monday = pl.DataFrame(
        {
            **{n: [None, None] for n in frame.columns},
            "when": [datetime.fromisoformat("2024-07-01"), datetime.fromisoformat("2024-07-03T12:00")],
        },
        schema=frame.schema,
    )
    year, week, day = unfitted.transform(matrix(monday, found))[:, places].T
    np.testing.assert_allclose(week, [0.0, 2.5 / 7], atol=1e-12)
    np.testing.assert_allclose(day, [0.0, 0.5], atol=1e-12)
    np.testing.assert_allclose(year, [0.5, 0.5], atol=0.01)


# The imputer


def test_an_imputed_value_ignores_the_row_or_leaves_what_was_seen() -> None:
    from tasks.modalities.model_imputer import ModelImputer

    rng = np.random.default_rng(1)
    first = rng.normal(100, 10, 2000)
    x = np.column_stack([first, 1e6 * first + rng.normal(0, 1e5, 2000), np.full(2000, np.nan), rng.normal(size=2000)])
    fitted = ModelImputer([0, 2]).fit(np.where(rng.random(x.shape) < 0.1, np.nan, x))
    asked = np.array(
        [[np.nan, 1.2e8, np.nan, 0.0], [np.nan, 1e30, 3.0, np.nan], [np.nan] * 4, [7.0, np.nan, 1.0, -1e30]]
    )
    found = fitted.transform(asked)
    assert found[0, 0] == pytest.approx(120, abs=2)
    assert x[:, 0].min() <= found[1, 0] <= x[:, 0].max()
    assert found[1, 1] == 3.0 and found[3].tolist() == [7.0, 1.0] and np.isfinite(found).all()
    np.testing.assert_array_equal(found, np.concatenate([fitted.transform(asked[i : i + 1]) for i in range(4)]))
