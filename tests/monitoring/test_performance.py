"""A figure must say what it stands for: early outcomes are of easy cases, and no estimate sees concept drift."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from tasks.core import metrics
from tasks.core.model_records import Metric, ModelCard
from tasks.core.predictions.refusals import RefusedRequests
from tasks.core.records import Target
from tasks.core.weighted import Array, Rows
from tasks.monitoring.estimation import Answered, Checked, Estimate, check, estimate
from tasks.monitoring.performance import performance
from tasks.monitoring.service import service

START = datetime(2026, 3, 2, tzinfo=UTC)


def card(*classes: str) -> ModelCard:
    problem = "regression" if not classes else "binary" if len(classes) == 2 else "multiclass"
    target = Target(name="y", problem=problem, classes=classes)
    return ModelCard(
        project="p", target=target, metric="log_loss", inputs=(), features=(), members=(), data_digest="", sample=()
    )


def world(n: int, seed: int, mean: float = 0.0, concept: float = 1.0) -> Answered:
    """Rows of two columns with an honest, somewhat overconfident model of the first; `concept` turns its meaning."""
    rng = np.random.default_rng(seed)
    x = rng.normal(mean, 1, n)
    right = 1 / (1 + np.exp(-1.5 * concept * x))
    said = 1 / (1 + np.exp(-2.5 * x))
    y = (rng.random(n) < right).astype(np.intp)
    views = pl.DataFrame({"x": x, "kind": rng.choice(["a", "b"], n)})
    return Answered(np.column_stack([1 - said, said]), views, y)


def values(n: int, seed: int, mean: float = 0.0) -> Answered:
    """A regression whose errors grow with x."""
    rng = np.random.default_rng(seed)
    x = rng.normal(mean, 1, n).clip(-3, 3)
    return Answered(x.copy(), pl.DataFrame({"x": x}), x + rng.normal(0, 0.2 + 0.3 * np.maximum(x, 0)))


def unknown(rows: Answered, views: bool = True) -> Answered:
    return Answered(rows.predicted, rows.views if views else None)


def real(metric: str, rows: Answered) -> float:
    assert rows.y is not None
    return metrics.value(metric, rows.y, rows.predicted)


HELD_OUT = world(1_500, 0)


def held(told: Estimate, value: float) -> bool:
    return told.low <= value <= told.high


def test_accuracy_is_within_its_interval_in_nine_of_ten_windows_whose_inputs_moved() -> None:
    within: list[bool] = []
    for number in range(30):  # each with held-out rows of its own: their chance would be that of all windows
        known, window = world(1_500, 1_000 + number), world(500, 2_000 + number, (0.0, 0.8, -0.8)[number % 3])
        told = estimate("accuracy", unknown(window, views=False), known, seed=number)
        assert told.valid and "no labels have checked it" in told.reason and told.high - told.low < 0.15
        within.append(held(told, real("accuracy", window)))
    assert sum(within) >= 27


def test_a_shift_is_allowed_for_by_weights_until_too_few_rows_are_left() -> None:
    near, far = world(500, 2_001, 0.7), world(500, 2, 5.0)
    told = estimate("accuracy", unknown(near), HELD_OUT)
    assert told.valid and told.method == "weighted confidence" and held(told, real("accuracy", near))
    told = estimate("accuracy", unknown(far), HELD_OUT)
    assert not told.valid and "it cannot be known" in told.reason and "x" in told.reason
    told = estimate("accuracy", unknown(world(500, 3)), HELD_OUT)
    assert told.valid and told.method == "confidence"


def test_labels_overrule_under_concept_drift_and_bear_out_without() -> None:
    past = [check("accuracy", world(500, seed, concept=-0.3), HELD_OUT) for seed in (5, 6)]
    assert not any(each.held for each in past)
    told = estimate("accuracy", unknown(world(500, 7, concept=-0.3), views=False), HELD_OUT, past=past)
    assert not told.valid and told.reason.startswith("the labels overrule it: accuracy was 0.4")
    past = [check("accuracy", world(500, seed), HELD_OUT) for seed in (5, 6, 8)]
    told = estimate("accuracy", unknown(world(500, 7), views=False), HELD_OUT, past=past)
    assert told.valid and "borne out" in told.reason


def test_one_miss_is_chance_and_two_of_three_are_not() -> None:
    held_out, window = world(300, 0), unknown(world(200, 1), views=False)
    good = Checked(metric="accuracy", n_rows=200, estimated=0.8, low=0.75, high=0.85, real=0.8)
    bad = good.model_copy(update={"real": 0.74})
    for past, valid in (([bad, good, good], True), ([good, bad], True), ([bad, good, bad], False)):
        assert estimate("accuracy", window, held_out, past=past).valid is valid


def test_the_error_of_values_is_within_its_interval_when_the_inputs_move() -> None:
    within: list[bool] = []
    for number in range(5):
        known, window = values(1_500, 1_000 + number), values(500, 2_000 + number, 0.8)
        told = estimate("mae", unknown(window, views=False), known, seed=number)
        within.append(held(told, real("mae", window)))
        assert told.value > 1.15 * real("mae", known)  # errors are larger there, and it says so
    assert sum(within) >= 4


def test_errors_are_expected_by_what_was_asked_and_learnt_once() -> None:
    rng = np.random.default_rng(0)
    z, nothing = rng.uniform(0, 1, 1_500), np.zeros(1_500)
    rows = Answered(nothing, pl.DataFrame({"z": z}), rng.normal(0, 0.1 + 2 * z))
    low, high = rows.errors(0).expected(np.zeros(2), pl.DataFrame({"z": [0.05, 0.95]}))
    assert high > 3 * low > 0 and rows.errors(0) is rows.errors(0) is not rows.errors(1)


def test_held_out_errors_are_weighted_towards_the_window_until_too_few_rows_are_left() -> None:
    within: list[bool] = []
    for number in range(2):
        known, window = values(1_500, 1_000 + number), values(500, 2_000 + number, 0.8)
        told = estimate("rmse", unknown(window), known, seed=number)
        assert told.valid and told.method == "weighted errors"
        assert told.value > 1.1 * real("rmse", known)
        within.append(held(told, real("rmse", window)))
    assert all(within)
    told = estimate("rmse", unknown(values(500, 1)), values(1_500, 0))
    assert told.valid and told.method == "errors"
    told = estimate("rmse", unknown(values(500, 1, 2.6)), values(1_500, 0))
    assert not told.valid and "of the held-out rows would speak for all" in told.reason


def test_it_is_the_same_again_and_too_few_rows_are_told() -> None:
    window = unknown(world(300, 1))
    assert estimate("roc_auc", window, HELD_OUT, seed=3) == estimate("roc_auc", window, HELD_OUT, seed=3)
    few = world(40, 0)
    assert "too few" in estimate("accuracy", window, few).reason


def test_three_classes_are_drawn_with_their_chances() -> None:
    rng = np.random.default_rng(0)
    said = rng.dirichlet((1, 1, 1), 1_200)
    y = (rng.random((1_200, 1)) > said.cumsum(axis=1)).sum(axis=1)
    known, window = Answered(said[:800], None, y[:800]), Answered(said[800:], None, y[800:])
    told = estimate("accuracy", unknown(window), known)
    assert held(told, real("accuracy", window)) and told.high - told.low < 0.15


def logged(rows: Answered, labelled: Array | None = None, hours: float = 10.0) -> pl.DataFrame:
    assert rows.y is not None
    classes = rows.predicted.ndim == 2
    n = len(rows.y)
    told: list[str | None] = [("no", "yes")[int(each)] if classes else str(each) for each in rows.y]
    if labelled is not None:
        told = [each if one else None for each, one in zip(told, labelled, strict=True)]
    times = [START + timedelta(minutes=number) for number in range(n)]
    known = [at + timedelta(hours=hours) if each is not None else None for at, each in zip(times, told, strict=True)]
    answered: Rows = rows.predicted.argmax(axis=1) if classes else rows.predicted
    return pl.DataFrame(
        {
            "__time__": times,
            "__prediction__": [("no", "yes")[each] for each in answered] if classes else answered,
            "__outputs__": rows.predicted.tolist() if classes else [[each] for each in answered],
            "__outcome__": pl.Series(told, dtype=pl.String),
            "__outcome_at__": pl.Series(known, dtype=pl.Datetime("us", "UTC")),
        }
    )


def metric(found: tuple[Metric, ...], name: str) -> Metric:
    return next(each for each in found if each.name == name)


def test_early_outcomes_of_easy_cases_are_weighted_and_told() -> None:
    rows = world(3_000, 4)
    sure = rows.predicted.max(axis=1)
    labelled = np.random.default_rng(0).random(3_000) < np.where(sure > 0.9, 0.9, 0.15)
    found = performance(logged(rows, labelled), card("no", "yes"), ("accuracy", "log_loss"))
    truth = real("accuracy", rows)
    naive, best = metric(found.metrics, "accuracy"), metric(found.best, "accuracy")
    assert found.early and any("easier cases first" in note for note in found.notes)
    assert naive.low > truth  # what came so far flatters the model
    assert best.low <= truth <= best.high and found.best == found.weighted


def test_outcomes_of_a_random_half_are_taken_as_they_are() -> None:
    rows = world(2_000, 4)
    labelled = np.random.default_rng(0).random(2_000) < 0.5
    found = performance(logged(rows, labelled), card("no", "yes"), ("accuracy",))
    assert not found.early and found.weighted == () and found.best == found.metrics
    assert found.n_labelled == labelled.sum() and 0.45 < found.coverage < 0.55
    assert found.delay is not None and found.delay.median == found.delay.longest == 10.0


def test_confidences_of_which_no_outcome_came_are_told() -> None:
    rows = world(2_000, 4)
    labelled = (rows.predicted.max(axis=1) > 0.8).astype(float)
    found = performance(logged(rows, labelled), card("no", "yes"), ("accuracy",))
    assert found.weighted == () and found.unreached > 0.1
    assert any("no outcome came" in note for note in found.notes)


def test_late_few_and_strange_outcomes_are_told() -> None:
    rows = world(200, 4)
    frame = logged(rows, np.arange(200) < 20)
    found = performance(frame, card("no", "yes"), ("accuracy",), now=START + timedelta(hours=5))
    assert found.metrics == () and any("too few" in note for note in found.notes)
    assert any("more will come" in note for note in found.notes)
    strange = frame.with_columns(__outcome__=pl.lit("maybe"))
    found = performance(strange, card("no", "yes"), ("accuracy",))
    assert found.n_labelled == 0 and found.notes[0].startswith("200 outcomes are no class")


def test_values_are_measured_with_intervals() -> None:
    rows = values(500, 1)
    found = performance(logged(rows), card(), ("rmse", "mae", "r2"))
    mae = metric(found.metrics, "mae")
    assert mae.value == pytest.approx(real("mae", rows)) and mae.low < mae.value < mae.high
    assert found.coverage == 1.0


def refused(status: int, n: int, what: str, field: str | None = None) -> RefusedRequests:
    return RefusedRequests(status=status, what=what, field=field, n_requests=n, since=START, until=START)


def test_the_service_is_counted_and_silent_hours_are_named() -> None:
    hours = [hour for hour in range(24) if hour not in (5, 6, 20)]
    times = [START + timedelta(hours=hour, seconds=60 * minute) for hour in hours for minute in range(60)]
    rows = pl.DataFrame(
        {
            "__time__": times,
            "__latency_us__": np.linspace(0, 100_000, len(times)).astype(np.int64),
            "__version__": pl.Series(["1"] * 100 + ["2"] * (len(times) - 100), dtype=pl.Categorical),
        }
    )
    refusals = [refused(422, 30, "expected a number", "age"), refused(401, 10, "no key"), refused(507, 5, "disk full")]
    until = START + timedelta(days=1)
    found = service(rows, refusals, START, until, serves_since=START - timedelta(days=3))
    assert (found.n_answered, found.n_refused, found.n_failed) == (1_260, 40, 5)
    assert found.refusal_rate == pytest.approx(40 / 1_305) and found.error_rate == pytest.approx(5 / 1_305)
    assert found.refused[0] == ("age: expected a number", 30)
    assert found.latency is not None and found.latency.p50 == pytest.approx(50, abs=0.1)
    assert found.latency.p99 == pytest.approx(99, abs=0.1)
    assert [(each.since.hour, each.until.hour) for each in found.missing] == [(5, 7), (20, 21)]
    assert found.versions == (("1", 100), ("2", 1_160)) and found.busiest == pytest.approx(1 / 60)
    assert (found.model_age, found.data_age) == (4.0, None)


def test_a_window_without_a_row_is_no_error() -> None:
    found = service(
        pl.DataFrame({"__time__": pl.Series([], dtype=pl.Datetime("us", "UTC"))}), [], START, START + timedelta(days=1)
    )
    assert found.n_answered == 0 and found.latency is None and found.missing == ()
