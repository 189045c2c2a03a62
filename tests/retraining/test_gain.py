"""The cheap correction, the gain that it measures, how models age, and the gate of no loss."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import polars as pl
import pytest

from tasks.core.errors import DataError
from tasks.core.model_records import Member, ModelCard
from tasks.core.records import Column, Feature, Problem, Target
from tasks.exports.onnx import export
from tasks.models.boosting import Boosting
from tasks.retraining import ageing, correction, gain, gate
from tasks.scoring.scorer import Scorer

START = datetime(2026, 3, 1, tzinfo=UTC)
PARAMS = '{"max_iter": 60}'
CLASSES = {"binary": ("no", "yes"), "multiclass": ("a", "b", "c"), "regression": ()}


def rows(problem: Problem, turned: bool, n: int = 1500, start: datetime = START, seed: int = 0) -> pl.DataFrame:
    """Rows whose target is a step of x, and where the world has turned, of x + 1."""
    random = np.random.default_rng(seed)
    x = random.normal(size=n)
    value = x + turned + 0.2 * random.normal(size=n)
    names = np.array(CLASSES[problem])
    y = value if problem == "regression" else names[np.digitize(value, [0.0, 0.8][: len(names) - 1])]
    return pl.DataFrame({"x": x, "y": y, "came": [start + timedelta(minutes=10 * each) for each in range(n)]})


def champion(problem: Problem) -> Scorer:
    """A model of the world before it turned."""
    return Scorer.of(exported(problem))


@cache
def exported(problem: Problem) -> bytes:
    """Its file."""
    known, classes = rows(problem, turned=False), CLASSES[problem]
    feature = Feature(name="x", kind="number")
    settings = {"learning_rate": 0.1, "max_leaf_nodes": 8, "min_samples_leaf": 20, "l2_regularization": 1.0}
    params = settings | {"max_features": 1.0, "interactions": True, "target": "raw", "max_iter": 60}
    card = ModelCard(
        project="turn",
        target=Target(name="y", problem=problem, classes=classes),
        metric="rmse" if problem == "regression" else "log_loss",
        inputs=(Column(name="x", type="number", n_missing=0),),
        features=(feature,),
        members=(Member(family="boosting", params=PARAMS, weight=1.0, score=0.0),),
        data_digest="",
        sample=(),
    )
    codes = {name: code for code, name in enumerate(classes)}
    y = known["y"].to_numpy() if not classes else np.array([codes[each] for each in known["y"]])
    model = Boosting().estimator(problem, (feature,), params, 0).fit(known["x"].to_numpy()[:, None], y)
    return export(model, card)


@pytest.mark.parametrize("problem", ["binary", "multiclass", "regression"])
def test_the_gain_is_positive_where_the_world_turned_and_nothing_where_it_did_not(problem: Problem) -> None:
    scorer, end = champion(problem), START + timedelta(minutes=15_000)
    window = end - timedelta(days=3)
    stale, calm = (
        gain.measured(scorer, rows(problem, turned, seed=5), "came", window, end) for turned in (True, False)
    )
    assert stale.gain > 0.1 and stale.low > 0 and stale.digest == scorer.digest
    assert stale.n_labelled == 432 and stale.corrected_loss < stale.loss
    assert abs(calm.gain) < 0.1 and calm.low <= calm.gain <= calm.high
    assert "A model trained today would be" in gain.sentence(stale) and "better" in gain.sentence(stale)


def test_rows_after_the_window_are_not_looked_at() -> None:
    scorer, end = champion("regression"), START + timedelta(minutes=12_000)
    known, window = rows("regression", turned=True), end - timedelta(days=2)
    spoilt = known.with_columns(pl.when(pl.col("came") >= end).then(1e9).otherwise(pl.col("y")).alias("y"))
    found = [gain.measured(scorer, each, "came", window, end) for each in (known, spoilt)]
    assert found[0].model_copy(update={"seconds": 0.0}) == found[1].model_copy(update={"seconds": 0.0})


def test_a_window_without_outcomes_is_told_in_words() -> None:
    known = rows("binary", turned=False).with_columns(pl.lit(None, dtype=pl.String).alias("y"))
    with pytest.raises(DataError, match="Tell more outcomes, or wait for them"):
        gain.measured(champion("binary"), known, "came", START, START + timedelta(days=1))


def test_a_class_that_the_model_does_not_know_is_told() -> None:
    known = rows("binary", turned=False).with_columns(pl.lit("perhaps").alias("y"))
    with pytest.raises(DataError, match="'perhaps' is none that the model"):
        gain.measured(champion("binary"), known, "came", START + timedelta(days=3), START + timedelta(days=5))


def test_a_correction_by_few_rows_changes_nothing() -> None:
    answers = np.array([[0.2, 0.8], [0.9, 0.1]])
    made = correction.fitted(np.ones((2, 1)), np.array([1, 0]), answers, "binary")
    np.testing.assert_allclose(made.answers(np.array([[1e300], [np.nan]]), answers), answers, atol=1e-12)


@pytest.mark.parametrize("problem", ["binary", "multiclass", "regression"])
def test_a_corrected_champion_answers_as_one_file_what_both_answer_together(problem: Problem) -> None:
    scorer, known = champion(problem), rows(problem, turned=True)
    made = gain.correct(scorer, known)
    again = Scorer.of(correction.exported(exported(problem), scorer.card, made))
    x = np.array([[0.3], [-2.0], [np.nan], [1e300], [-1e300], [0.0], *known["x"].head(300).to_numpy()[:, None]])
    before, together = scorer.ask(x), made.answers(x, scorer.ask(x))
    np.testing.assert_allclose(again.ask(x), together, rtol=0, atol=1e-12)
    assert np.abs(together - before).max() > 0.05
    assert again.card == scorer.card and again.digest != scorer.digest
    assert correction.exported(exported(problem), scorer.card, made) == correction.exported(
        exported(problem), scorer.card, made
    )


@pytest.mark.parametrize(("per_window", "cadence"), [(-0.1, 8.0), (0.0, 8.0), (0.2, 2.0), (0.0125, 4.0), (1e-6, 8.0)])
def test_the_cadence_is_that_of_ageing_and_price(per_window: float, cadence: float) -> None:
    assert ageing.cadence(per_window) == pytest.approx(cadence)


def test_a_block_that_is_hard_for_all_says_nothing_of_age() -> None:
    table = [[1.2, 12.0], [1.1, 11.0], [1.0, 10.0]]
    curve = ageing.age_curve(ageing.compared(table, [3.0, 2.0, 1.0]))
    assert [point.age for point in curve.points] == [2.0, 1.0]
    assert curve.per_window == pytest.approx(0.1)


def test_the_gate_refuses_what_is_worse_and_not_what_is_equal() -> None:
    random, days = np.random.default_rng(0), np.repeat(np.arange(7), 60)
    losses = random.gamma(2.0, size=420)
    assert gate.not_worse(losses, losses, days).held
    assert not gate.not_worse(losses, losses + 0.2, days).held
    assert gate.not_worse(losses, losses - 0.2, days).held
    few = gate.not_worse(losses[:60], losses[:60] + 0.2, days[:60])
    assert not few.held and few.n_blocks == gate.FEWEST_DAYS
    wrong = sum(not gate.not_worse(losses, losses + random.normal(size=420), days).held for _ in range(200))
    assert wrong <= 40  # 10 % promised; 7 days make it a little more


@pytest.mark.parametrize(("errors", "held"), [(-1.3, True), (-1.5, False), (0.5, True)])
def test_the_gate_goes_by_standard_errors_over_days(errors: float, held: bool) -> None:
    random, days = np.random.default_rng(1), np.repeat(np.arange(7), 60)
    losses, noise = random.gamma(2.0, size=420), random.normal(size=420)
    equal = gate.not_worse(losses, losses + noise, days)
    shift = (errors * equal.error - equal.gain) * losses.mean()  # both are shares of the champion's loss
    found = gate.not_worse(losses, losses + noise - shift, days)
    assert found.gain == pytest.approx(errors * found.error) and found.held is held
