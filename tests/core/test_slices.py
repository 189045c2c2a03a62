"""Slices: a planted fault is found first, and chance alone is not told as one."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.core.records import Feature
from tasks.core.slices import worst_slices

SEX = Feature(name="sex", kind="category", levels=("male", "female"))
AGE = Feature(name="age", kind="number")
SINCE = Feature(name="since", kind="date")
PAID = Feature(name="paid", kind="boolean")


def rows_of(n: int) -> tuple[np.random.Generator, np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(1)
    x = np.column_stack([generator.integers(0, 2, n), generator.uniform(0, 80, n), generator.integers(19000, 20000, n)])
    y = generator.integers(0, 2, n)
    p = np.where(y == 1, 0.8, 0.2)
    return generator, x.astype(float), y, np.column_stack([1 - p, p])


@pytest.mark.parametrize("metric", ["log_loss", "accuracy"])
def test_a_planted_fault_is_not_the_first_slice(metric: str) -> None:
    _, x, y, predicted = rows_of(2000)
    broken = x[:, 0] == 1
    predicted[broken] = predicted[broken][:, ::-1]
    found, n_slices = worst_slices(metric, y, predicted, x, (SEX, AGE, SINCE), seed=0)
    assert (found[0].feature, found[0].value, found[0].n_rows) == ("sex", "female", int(broken.sum()))
    assert n_slices == 2 + 4 + 4
    assert found[0].low <= found[0].score <= found[0].high


def test_chance_is_told_as_a_fault() -> None:
    generator, _, y, _ = rows_of(1000)
    x = generator.integers(0, 10, (1000, 30)).astype(float)
    p = np.clip(generator.normal(0.5 + 0.2 * (2 * y - 1), 0.1), 0.01, 0.99)
    predicted = np.column_stack([1 - p, p])
    features = [Feature(name=f"x{index}", kind="number") for index in range(30)]
    found, n_slices = worst_slices("log_loss", y, predicted, x, features, seed=0)
    overall = float(-np.log(predicted[np.arange(1000), y]).mean())
    assert n_slices == 300
    assert all(each.low <= overall for each in found)  # with single 95 % bounds about seven would not


def test_missing_unknown_and_boolean_values_are_no_slices() -> None:
    generator, x, y, predicted = rows_of(400)
    x[:100, 0], x[100:200, 0] = np.nan, -1
    x = np.column_stack([x[:, 0], generator.integers(0, 2, 400)])
    found, _ = worst_slices("log_loss", y, predicted, x, (SEX, PAID), seed=0)
    assert {(each.feature, each.value) for each in found} == {
        ("sex", "(missing)"),
        ("sex", "(unknown)"),
        ("sex", "male"),
        ("sex", "female"),
        ("paid", "true"),
        ("paid", "false"),
    }


def test_a_date_is_told_as_a_number_of_days() -> None:
    _, x, y, predicted = rows_of(400)
    found, _ = worst_slices("log_loss", y, predicted, x[:, 2:], (SINCE,), seed=0)
    assert any(each.value.startswith("2022-") for each in found)


@pytest.mark.parametrize(
    "column",
    [np.full(100, 5.0), np.full(100, np.nan), np.append(np.full(99, 1.0), 1e300), np.arange(100.0)],
    ids=["constant", "all missing", "one far away", "spread"],
)
def test_an_odd_column_crashes_the_evaluation(column: np.ndarray) -> None:
    _, _, y, predicted = rows_of(100)
    for feature in (AGE, SINCE):
        found, n_slices = worst_slices("roc_auc", y, predicted, column[:, None], (feature,), seed=0)
        assert len(found) <= n_slices <= 4


def test_slices_of_a_few_rows_are_judged() -> None:
    _, x, y, predicted = rows_of(60)
    x[:, 0] = [1.0] * 5 + [0.0] * 55
    found, _ = worst_slices("log_loss", y, predicted, x[:, :1], (SEX,), seed=0)
    assert [each.value for each in found] == ["male"]
