"""Metrics: scikit-learn's values for any rows and weights, honest intervals, and an answer in every degenerate case."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from tasks.core.errors import DataError, ProjectError
from tasks.core.measures import METRICS
from tasks.core.metrics import compare, default_metric, interval, intervals, loss, spread, value, within

CLASSES = [name for name, each in METRICS.items() if "binary" in each.problems]
VALUES = [name for name, each in METRICS.items() if "regression" in each.problems]


def expected(metric: str, y: np.ndarray, predicted: np.ndarray) -> float:
    """What scikit-learn says of rows that are written out."""
    if predicted.ndim == 1:
        return {
            "rmse": reference.root_mean_squared_error,
            "mse": reference.mean_squared_error,
            "mae": reference.mean_absolute_error,
            "median_absolute_error": reference.median_absolute_error,
            "r2": reference.r2_score,
            "mape": reference.mean_absolute_percentage_error,
        }[metric](y, predicted)
    k = predicted.shape[1]
    every = np.arange(k)
    chosen = (predicted[:, 1] >= 0.5).astype(int) if k == 2 else predicted.argmax(axis=1)
    average: dict[str, Any] = {"average": "binary" if k == 2 else "macro", "zero_division": 0}
    match metric:
        case "log_loss":
            return reference.log_loss(y, predicted, labels=every)
        case "brier":
            return reference.brier_score_loss(y, predicted[:, 1] if k == 2 else predicted, labels=every)
        case "accuracy":
            return reference.accuracy_score(y, chosen)
        case "balanced_accuracy":
            return reference.recall_score(y, chosen, labels=np.unique(y), average="macro", zero_division=0)
        case "roc_auc":
            return float(np.mean([_roc_auc(y == code, predicted[:, code]) for code in ([1] if k == 2 else every)]))
        case "average_precision":
            codes = [1] if k == 2 else [code for code in every if (y == code).any()]
            return float(np.mean([reference.average_precision_score(y == c, predicted[:, c]) for c in codes]))
        case _:
            return getattr(reference, f"{metric}_score")(y, chosen, **average)


def _roc_auc(positive: np.ndarray, score: np.ndarray) -> float:
    return float(reference.roc_auc_score(positive, score))


def same(metric: str, y: np.ndarray, predicted: np.ndarray, counts: np.ndarray) -> None:
    """That the counted rows give what scikit-learn says of the same rows written out."""
    found = METRICS[metric].prepare(y, predicted, 0.5)(counts[None, :].astype(float))[0]
    assert found == pytest.approx(
        expected(metric, np.repeat(y, counts), np.repeat(predicted, counts, axis=0)), rel=1e-9, abs=1e-9
    )


@st.composite
def answered_rows(draw: st.DrawFn, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Class codes with all classes in them, probabilities with many ties, and how often each row counts."""
    n = draw(st.integers(k, 30))
    y = np.array([*range(k), *draw(st.lists(st.integers(0, k - 1), min_size=n - k, max_size=n - k))])
    raw = np.array(draw(st.lists(st.lists(st.integers(0, 4), min_size=k, max_size=k), min_size=n, max_size=n)), float)
    raw += 1e-3
    counts = np.array(draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
    counts[:k] += 1
    return y, raw / raw.sum(axis=1, keepdims=True), counts


@pytest.mark.parametrize("metric", CLASSES)
@settings(max_examples=40, deadline=None)
@given(rows=answered_rows(2))
def test_a_binary_metric_of_resampled_rows_differs_from_scikit_learns(metric: str, rows: Any) -> None:
    same(metric, *rows)


@pytest.mark.parametrize("metric", CLASSES)
@settings(max_examples=40, deadline=None)
@given(rows=answered_rows(4))
def test_a_multiclass_metric_of_resampled_rows_differs_from_scikit_learns(metric: str, rows: Any) -> None:
    same(metric, *rows)


NUMBERS = st.integers(-50, 50).map(lambda n: n / 4)


@pytest.mark.parametrize("metric", VALUES)
@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.tuples(NUMBERS.filter(bool), NUMBERS, st.integers(0, 3)), min_size=3, max_size=30))
def test_a_regression_metric_of_resampled_rows_differs_from_scikit_learns(metric: str, rows: Any) -> None:
    y, predicted, counts = (np.array(column) for column in zip(*rows, strict=True))
    counts[:2] += 1
    if metric == "r2" and len(set(np.repeat(y, counts))) == 1:
        assert np.isnan(METRICS[metric].prepare(y, predicted, 0.5)(counts[None, :].astype(float))[0])
    else:
        same(metric, y, predicted, counts)


def rows_of(n: int, seed: int = 0, skill: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    y = generator.integers(0, 2, n)
    p = 1 / (1 + np.exp(-skill * (2 * y - 1) - generator.normal(size=n)))
    return y, np.column_stack([1 - p, p])


def test_a_mean_far_from_zero_drowns_the_variance_of_r2() -> None:
    y = 1e9 + np.random.default_rng(0).normal(size=500)
    assert value("r2", y, y + 0.1) == pytest.approx(reference.r2_score(y, y + 0.1), rel=1e-6)


def test_the_same_seed_gives_other_intervals_or_another_seed_the_same() -> None:
    y, predicted = rows_of(200)
    assert intervals(CLASSES, y, predicted, 1) == intervals(CLASSES, y, predicted, 1)
    assert interval("log_loss", y, predicted, 1) != interval("log_loss", y, predicted, 2)


@pytest.mark.parametrize("metric", CLASSES)
def test_a_metric_has_another_interval_alone_than_among_others(metric: str) -> None:
    y, predicted = rows_of(150)
    together = {each.name: each for each in intervals(CLASSES, y, predicted, 3)[0]}
    assert interval(metric, y, predicted, 3) == together[metric]


@pytest.mark.parametrize("metric", ["accuracy", "roc_auc", "log_loss"])
def test_an_interval_that_says_95_percent_holds_the_truth_less_often(metric: str) -> None:
    truth = value(metric, *rows_of(200_000, seed=99))
    held = 0
    for seed in range(100):
        found = interval(metric, *rows_of(150, seed=seed), seed)
        held += found.low <= truth <= found.high
    assert held >= 88  # 95 are promised; fewer than 88 come by chance once in 300 times


def test_many_rows_get_an_interval_that_few_resamples_made_wrong() -> None:
    n = 60_000  # 166 resamples, so the normal approximation
    y, predicted = rows_of(n)
    found = interval("accuracy", y, predicted, 0)
    error = math.sqrt(found.value * (1 - found.value) / n)
    assert found.high - found.value == pytest.approx(1.96 * error, rel=0.25)
    assert spread("accuracy", y, predicted, 0) == pytest.approx(error, rel=0.25)


def test_an_approximate_interval_tells_of_more_than_all() -> None:
    assert within("accuracy", 0.9, 1.2) == (0.9, 1.0)
    assert within("log_loss", -0.1, 0.3) == (0.0, 0.3)
    assert within("r2", -3.0, 1.1) == (-3.0, 1.0)


def test_a_worse_model_counts_as_a_gain() -> None:
    y, good = rows_of(400, skill=2.0)
    bad = good[::-1]
    for metric in CLASSES:
        found = compare(metric, y, good, bad, 0)
        assert found.gain > 0 and found.low > 0, metric
        assert found.gain == pytest.approx(abs(found.ours - found.theirs))
        back = compare(metric, y, bad, good, 0)
        assert (back.gain, back.low, back.high) == pytest.approx((-found.gain, -found.high, -found.low))


def test_two_equal_models_differ() -> None:
    y, predicted = rows_of(100)
    found = compare("log_loss", y, predicted, predicted.copy(), 0, against="champion")
    assert (found.gain, found.low, found.high, found.against) == (0.0, 0.0, 0.0, "champion")


def test_pairing_is_lost_and_chance_in_the_rows_decides() -> None:
    y, predicted = rows_of(500)
    slightly = predicted * 0.98 + 0.01
    paired = compare("log_loss", y, predicted, slightly, 0)
    alone = interval("log_loss", y, predicted, 0)
    assert paired.high - paired.low < 0.2 * (alone.high - alone.low)


def test_a_threshold_is_not_heard() -> None:
    y, predicted = rows_of(300)
    assert value("recall", y, predicted, threshold=0.0) == 1.0
    assert interval("recall", y, predicted, 0, threshold=0.0).low == 1.0
    eager = compare("recall", y, predicted, predicted, 0, thresholds=(0.0, 0.5))
    assert eager.gain > 0


@pytest.mark.parametrize(
    ("y", "predicted"),
    [
        pytest.param(np.array([1, 1, 1]), np.array([[0.2, 0.8], [0.4, 0.6], [1.0, 0.0]]), id="one class in three rows"),
        pytest.param(np.array([0]), np.array([[0.5, 0.5]]), id="one row"),
        pytest.param(np.array([0, 1]), np.array([[1.0, 0.0], [0.0, 1.0]]), id="perfect"),
        pytest.param(np.array([0, 1]), np.array([[0.0, 1.0], [1.0, 0.0]]), id="all wrong and sure"),
        pytest.param(np.array([0, 0, 2, 2]), np.full((4, 3), 1 / 3), id="a class that no row has"),
    ],
)
def test_a_degenerate_test_set_gives_a_warning_or_something_that_is_no_number(
    y: np.ndarray, predicted: np.ndarray
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figures, left_out = intervals(CLASSES, y, predicted, 0)
        assert len(figures) + len(left_out) == len(CLASSES)
        for each in figures:
            assert each.low <= each.value <= each.high, each
        for metric in CLASSES:
            assert math.isfinite(loss(metric, y, predicted))


@pytest.mark.parametrize(
    ("y", "predicted"),
    [
        pytest.param(np.array([2.0, 2.0, 2.0]), np.array([1.0, 2.0, 3.0]), id="constant target"),
        pytest.param(np.array([0.0]), np.array([0.0]), id="one row"),
        pytest.param(np.array([0.0, 1.0]), np.array([1e300, -1e300]), id="beyond what squares can hold"),
        pytest.param(np.array([0.0, 0.0, 5.0]), np.array([0.0, 1.0, 5.0]), id="zeros for MAPE"),
    ],
)
def test_a_degenerate_regression_gives_a_warning_or_something_that_is_no_number(
    y: np.ndarray, predicted: np.ndarray
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figures, left_out = intervals(VALUES, y, predicted, 0)
        assert len(figures) + len(left_out) == len(VALUES)
        assert all(math.isfinite(bound) for each in figures for bound in (each.low, each.value, each.high))
        for metric in VALUES:
            assert not math.isnan(loss(metric, y, predicted))


def test_what_is_left_out_is_left_out_without_a_reason() -> None:
    _, left_out = intervals(["roc_auc"], np.array([1, 1]), np.array([[0.1, 0.9], [0.2, 0.8]]), 0)
    assert left_out == ("ROC AUC has no value: the rows are all of one class, or a class is missing",)
    with pytest.raises(DataError, match="ROC AUC has no value"):
        interval("roc_auc", np.array([1, 1]), np.array([[0.1, 0.9], [0.2, 0.8]]), 0)


def test_a_model_that_diverged_wins_the_tuning() -> None:
    y = np.array([1.0, 2.0])
    assert loss("rmse", y, np.array([np.nan, 1.0])) == math.inf
    assert loss("r2", y, np.array([np.inf, 1.0])) == math.inf


def test_a_loss_falls_where_the_metric_gets_worse() -> None:
    y, predicted = rows_of(300, skill=2.0)
    for metric in CLASSES:
        assert loss(metric, y, predicted) < loss(metric, y, predicted[::-1]), metric


def test_a_misspelt_metric_is_a_traceback() -> None:
    with pytest.raises(ProjectError, match=r"Metric 'logloss': expected one of log_loss.*project\.yaml"):
        value("logloss", np.array([0]), np.array([[1.0, 0.0]]))


def test_a_default_metric_is_not_one_of_the_problem() -> None:
    for problem in ("binary", "multiclass", "regression"):
        assert problem in METRICS[default_metric(problem)].problems


def test_rows_of_a_day_that_err_together_make_no_sure_comparison() -> None:
    generator = np.random.default_rng(4)
    days = np.repeat(np.arange(30), 40)
    y = np.zeros(len(days))
    ours, theirs = generator.normal(size=(2, 30))[:, days]  # each model errs alike all day
    by_row = compare("mae", y, ours, theirs, 0)
    by_day = compare("mae", y, ours, theirs, 0, blocks=days)
    assert (by_row.gain, by_day.n_blocks) == (by_day.gain, 30)
    assert by_day.high - by_day.low > 4 * (by_row.high - by_row.low)
