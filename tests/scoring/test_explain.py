"""What moved an answer: effects that add up, that are fair, the same twice, and found with bounded work."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline

from tasks.core.errors import DataError
from tasks.core.model_records import ModelCard
from tasks.core.records import Column, ColumnType, Feature, Problem, Target
from tasks.exports.onnx import export
from tasks.modalities import MODALITIES, words
from tasks.scoring import explain as module
from tasks.scoring.explain import Explanation, explain
from tasks.scoring.scorer import Scorer

CLASSES: dict[Problem, tuple[str, ...]] = {"binary": ("no", "yes"), "multiclass": ("a", "b", "c"), "regression": ()}
NUMBERS: dict[str, ColumnType] = dict.fromkeys("abcd", "number")


def card(problem: Problem, inputs: Mapping[str, ColumnType], features: tuple[Feature, ...] | None = None) -> ModelCard:
    return ModelCard(
        project="p",
        target=Target(name="y", problem=problem, classes=CLASSES[problem]),
        metric="log_loss",
        inputs=tuple(Column(name=name, type=kind, n_missing=0) for name, kind in inputs.items()),
        features=features or tuple(Feature(name=name, kind="number") for name in inputs),
        members=(),
        data_digest="0",
        sample=(),
    )


def linear(weights: list[float]) -> Scorer:
    """A regression whose Shapley values are known: weight times the distance from the background's mean."""
    model = LinearRegression().fit(np.zeros((2, len(weights))), [0, 0])
    model.coef_, model.intercept_ = np.array(weights), 7.0
    return Scorer.of(export(model, card("regression", {f"x{i}": "number" for i in range(len(weights))})))


def random_rows(n_columns: int, n_rows: int, seed: int = 1) -> list[dict[str, float]]:
    values = np.random.default_rng(seed).normal(size=(n_rows, n_columns)).tolist()
    return [{f"x{i}": value for i, value in enumerate(each)} for each in values]


def total(told: Explanation) -> float:
    assert told.by == "columns" and told.base is not None
    return told.base + sum(each.value for each in told.effects) + told.others


def effects(told: Explanation) -> dict[str, float]:
    return {each.name: each.value for each in told.effects}


@pytest.fixture(scope="module", params=["binary", "multiclass", "regression"])
def forest(request: pytest.FixtureRequest) -> Scorer:
    """A forest in which `a` and `b` act together, and `d` does nothing."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 4))
    score = np.where(x[:, 0] > 0, x[:, 1], -x[:, 2])
    if request.param == "regression":
        model: Any = RandomForestRegressor(10, max_depth=5, random_state=0).fit(x, score)
    else:
        bounds = [0.0] if request.param == "binary" else [-0.5, 0.5]
        model = RandomForestClassifier(10, max_depth=5, random_state=0).fit(x, np.digitize(score, bounds))
    return Scorer.of(export(model, card(request.param, NUMBERS)))


def test_base_and_effects_add_up_to_the_answer(forest: Scorer) -> None:
    rows = np.random.default_rng(1).normal(size=(6, 4))
    row, *background = [dict(zip("abcd", each, strict=True)) for each in rows.tolist()]
    told = explain(forest, row, background)
    outputs = forest.ask(rows)
    if classes := forest.card.target.classes:
        position = int(outputs[0].argmax())
        assert told.of == classes[position]
        outputs = outputs[:, position]
    else:
        assert told.of is None
    assert told.answer == outputs[0] and told.base == pytest.approx(outputs[1:].mean(), abs=1e-12)
    assert total(told) == pytest.approx(told.answer, abs=1e-12)
    sizes = [abs(each.value) for each in told.effects]
    assert sizes == sorted(sizes, reverse=True) and sizes[0] > 0.01


def test_effects_are_those_that_are_known_of_a_linear_model() -> None:
    weights = [3.0, -2.0, 0.0, 1.0]
    row, *background = random_rows(4, 6)
    found = effects(explain(linear(weights), row, background))
    for i, weight in enumerate(weights):
        mean = np.mean([each[f"x{i}"] for each in background])
        assert found[f"x{i}"] == pytest.approx(weight * (row[f"x{i}"] - mean), abs=1e-9)
    assert found["x2"] == pytest.approx(0, abs=1e-9)


def test_columns_that_do_the_same_share_alike_and_random_orders_find_what_the_formula_says() -> None:
    # The product of two columns is the hardest thing to share; both must get half of it.
    model = RandomForestRegressor(1, bootstrap=False, random_state=0)
    corners = np.array([[i >> k & 1 for k in range(12)] for i in range(2**12)], float)
    model.fit(corners, corners[:, 0] * corners[:, 1] + corners[:, 2])
    inputs: dict[str, ColumnType] = {f"x{i}": "number" for i in range(12)}
    told = explain(
        Scorer.of(export(model, card("regression", inputs))), dict.fromkeys(inputs, 1.0), [dict.fromkeys(inputs, 0.0)]
    )
    assert module.ROWS_ASKED < 2**12  # so the orders are random ones
    found = effects(told)
    assert found["x0"] == pytest.approx(0.5, abs=0.08) and found["x0"] + found["x1"] == pytest.approx(1, abs=1e-9)
    assert found["x2"] == pytest.approx(1, abs=1e-9) and all(abs(found[f"x{i}"]) < 1e-9 for i in range(3, 12))
    assert total(told) == pytest.approx(told.answer)


def test_with_few_columns_the_shares_are_exact() -> None:
    model = RandomForestRegressor(1, bootstrap=False, random_state=0)
    corners = np.array([[i >> k & 1 for k in range(3)] for i in range(8)], float)
    model.fit(corners, corners[:, 0] * corners[:, 1] + corners[:, 2])
    inputs: dict[str, ColumnType] = dict.fromkeys("abc", "number")
    told = explain(
        Scorer.of(export(model, card("regression", inputs))), dict.fromkeys("abc", 1.0), [dict.fromkeys("abc", 0.0)]
    )
    assert effects(told) == pytest.approx({"a": 0.5, "b": 0.5, "c": 1.0}, abs=1e-12)


def test_the_same_row_gets_the_same_explanation() -> None:
    inputs = [f"x{i}" for i in range(20)]
    model = RandomForestRegressor(5, random_state=0).fit(x := np.random.default_rng(0).normal(size=(200, 20)), x[:, 0])
    scorer = Scorer.of(export(model, card("regression", dict.fromkeys(inputs, "number"))))
    row, *background = random_rows(20, 6)
    assert explain(scorer, row, background) == explain(scorer, row, background)
    assert explain(scorer, row, background) != explain(scorer, row, background, seed=1)


class Counted(Scorer):
    """A scorer that counts the rows it is asked."""

    n_rows = 0

    def ask(self, rows: Any) -> Any:
        self.n_rows += len(rows)
        return super().ask(rows)


@pytest.mark.parametrize("n_columns", [1, 8, 12, 48, 200, 2_000])
def test_work_is_bounded_and_what_is_left_out_is_said(n_columns: int) -> None:
    weights = np.zeros(n_columns)
    weights[n_columns // 2] = 5.0
    scorer = linear(weights.tolist())
    scorer.__class__ = Counted
    row, *background = random_rows(n_columns, 30)
    told = explain(scorer, row, background)
    assert isinstance(scorer, Counted) and scorer.n_rows <= module.ROWS_ASKED * 1.02
    assert told.effects[0].name == f"x{n_columns // 2}"
    assert told.n_others == max(0, n_columns - len(told.effects)) and len(told.effects) <= module.MOST_COLUMNS
    assert (told.n_others > 0) == (n_columns > module.MOST_COLUMNS)
    assert told.n_background == module.MOST_BACKGROUND
    assert total(told) == pytest.approx(told.answer, abs=1e-6)


def test_fewer_rows_of_a_wide_text_are_asked() -> None:
    names = [f"x{i}" for i in range(12)]
    terms = ["free", *(f"t{i}" for i in range(3_999 - len(words.FIGURES)))]
    wide = Feature(name="text", kind="text", width=4_000, settings=json.dumps({"terms": terms}))
    inputs: dict[str, ColumnType] = {**dict.fromkeys(names, "number"), "text": "text"}
    features = (*(Feature(name=name, kind="number") for name in names), wide)
    model = LinearRegression().fit(np.zeros((2, 4_012)), [0, 0])
    model.coef_ = np.eye(1, 4_012, len(words.FIGURES) + len(names))[0]  # the first term
    scorer = Scorer.of(export(model, card("regression", inputs, features)))
    scorer.__class__ = Counted
    row, *background = random_rows(12, 6)
    told = explain(scorer, row | {"text": "free and free"}, [each | {"text": "none"} for each in background])
    assert isinstance(scorer, Counted) and scorer.n_rows < 1_100
    assert told.effects[0].name == "text" and told.effects[0].value == pytest.approx(2)


DECLARED = (
    Feature(name="price", kind="number"),
    Feature(name="port", kind="category", levels=("S", "C")),
    Feature(name="each", kind="number", expression="price / people"),
)


def declared() -> Scorer:
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.normal(size=300), rng.integers(-1, 2, 300), rng.normal(size=300)])
    model = make_pipeline(SimpleImputer(), LinearRegression()).fit(x, x @ [0.0, 2.0, 1.0])
    inputs: dict[str, ColumnType] = {"price": "number", "port": "text", "people": "integer", "unused": "text"}
    return Scorer.of(export(model, card("regression", inputs, DECLARED)))


def test_what_is_declared_upon_a_column_follows_it() -> None:
    # `price` counts only by what is declared upon it, and `people` is no feature at all.
    row: dict[str, Any] = {"price": 12.0, "port": "S", "people": 2, "unused": "x"}
    background: list[dict[str, Any]] = [{"price": 6.0, "port": "S", "people": 6, "unused": "y"}]
    found = effects(explain(declared(), row, background))
    # 6 of 12/2 - 6/6 = 5: half of (12/6 - 1) + (6 - 3) for the price, half of (3 - 1) + (6 - 2) for the people.
    assert found == pytest.approx({"price": 2.0, "people": 3.0, "port": 0.0}, abs=1e-9)


@pytest.mark.parametrize("port", [None, "Z"])
def test_missing_and_unseen_values_have_effects_too(port: str | None) -> None:
    row: dict[str, Any] = {"price": None, "port": port, "people": 2}
    background: list[dict[str, Any]] = [{"price": 6.0, "port": "S", "people": None}, {"price": 1.0, "port": "C"}]
    told = explain(declared(), row, background)
    assert total(told) == pytest.approx(told.answer) and abs(effects(told)["port"]) > 0.1


def test_an_answer_that_overflows_is_an_error_in_words() -> None:
    row, *background = random_rows(3, 3)
    with pytest.raises(DataError, match="too large"):
        explain(linear([1e10, 1.0, 1.0]), row | {"x0": 1e307}, background)


def test_without_a_background_there_is_nothing_to_compare_with() -> None:
    row, *_ = random_rows(3, 1)
    told = explain(linear([1.0, 1.0, 1.0]), row, [])
    assert told.by == "nothing" and told.note and not told.effects


TERMS = ["free", "lunch", "report"]
LANGUAGE = Feature(
    name="text", kind="text", width=len(words.FIGURES) + len(TERMS), settings=json.dumps({"terms": TERMS})
)


@pytest.fixture(scope="module")
def mails() -> Scorer:
    """A model of one text, in which `free` makes the difference."""
    texts = ["a free prize today", "win a free car", "have free money now", "see you at lunch", "it is done", "at two"]
    rows = np.array([MODALITIES["text"].encoder(LANGUAGE)(text) for text in texts])
    model = LogisticRegression(C=10, max_iter=1_000).fit(rows[:, -3:], [1, 1, 1, 0, 0, 0])
    last = ColumnTransformer([("terms", "passthrough", list(range(rows.shape[1] - 3, rows.shape[1])))])
    estimator = make_pipeline(SimpleImputer().fit(rows), last.fit(rows), model)
    return Scorer.of(export(estimator, card("binary", {"text": "text"}, (LANGUAGE,))))


def test_of_a_text_alone_words_are_left_out(mails: Scorer) -> None:
    told = explain(mails, {"text": "Free, FREE and free again: no lunch"}, [{"text": "see you at lunch"}])
    assert told.by == "words" and told.base is None and told.of == "yes"
    assert [each.name for each in told.effects[:2]] == ["free", "lunch"]
    assert told.effects[0].value > 0.5 and told.effects[1].value < 0 and "left out" in told.note


@pytest.mark.parametrize("text", [None, "", "free", "…", "free " * 3_000])
def test_a_text_without_words_to_leave_out_says_so(mails: Scorer, text: str | None) -> None:
    told = explain(mails, {"text": text}, [{"text": "see you at lunch"}])
    assert told.by == "nothing" and told.note and not told.effects


def test_a_long_text_has_bounded_work(mails: Scorer) -> None:
    mails.__class__ = Counted
    text = " ".join(f"word{i}" for i in range(500))
    told = explain(mails, {"text": text}, [])
    assert isinstance(mails, Counted) and mails.n_rows < 100
    assert len(told.effects) == 10 and "of 500 words" in told.note
