"""Values that a column cannot mean are found by its name and its other values together, never by one alone."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tasks.examining.doubts import Numbers
from tasks.examining.impossible import doubts, words_of

GENERATOR = np.random.default_rng(0)
N = 1000


def found(**columns: np.ndarray) -> dict[tuple[str, str], list[int]]:
    """The kind and column of each doubt that rows confirm, with the numbers of these rows."""
    numbers = [Numbers(name, values.astype(float), np.arange(len(values)), N) for name, values in columns.items()]
    frame = pl.DataFrame(columns)
    hits = {
        (each.kind, each.column): frame.select(each.where).to_series().arg_true().to_list() for each in doubts(numbers)
    }
    return {key: rows for key, rows in hits.items() if rows}


def with_value(values: np.ndarray, value: float, *rows: int) -> np.ndarray:
    values = values.astype(float)
    values[list(rows)] = value
    return values


AGES = GENERATOR.integers(18, 80, N)


@pytest.mark.parametrize(
    ("name", "values", "wrong"),
    [
        ("age", AGES, -1),
        ("age", AGES, 400),
        ("unitPrice", GENERATOR.lognormal(3, 1, N), -5),
        ("lat", GENERATOR.uniform(40, 50, N), 412),
        ("pickup_longitude", GENERATOR.uniform(-74, -73, N), -740),
        ("month", GENERATOR.integers(1, 13, N), 13),
        ("hour", GENERATOR.integers(0, 24, N), 25),
        ("pct_full", GENERATOR.uniform(0, 100, N), 104),
        ("share", GENERATOR.uniform(0, 1, N), 1.2),
        ("year", GENERATOR.integers(1990, 2020, N), 190),
    ],
)
def test_an_impossible_value_passes(name: str, values: np.ndarray, wrong: float) -> None:
    assert found(**{name: with_value(values, wrong, 3, 500)}) == {("impossible", name): [3, 500]}
    assert found(**{name: values}) == {}


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("age_gap", GENERATOR.normal(0, 5, N)),
        ("profit", GENERATOR.normal(0, 5, N)),
        ("price_change", GENERATOR.normal(0, 5, N)),
        ("share_price", GENERATOR.lognormal(4, 1, N)),
        ("hours", GENERATOR.integers(0, 300, N)),
        ("day", GENERATOR.integers(0, 365, N)),
        ("change", with_value(GENERATOR.uniform(0, 9, N), -3, 5)),
    ],
)
def test_a_name_or_a_value_alone_is_enough_for_an_alarm(name: str, values: np.ndarray) -> None:
    assert ("impossible", name) not in found(**{name: values})


def test_an_end_before_its_start_passes() -> None:
    start = GENERATOR.uniform(0, 1000, N)
    stay = GENERATOR.exponential(5, N)
    stay[[4, 9]] = -3
    assert found(start_day=start, end_day=start + stay) == {("impossible", "end_day"): [4, 9]}
    assert found(start_day=start, end_day=GENERATOR.permutation(start)) == {}
    assert found(pickupTime=start, dropoffTime=start + stay, end=start) == {("impossible", "dropoffTime"): [4, 9]}


def test_a_zero_for_an_unknown_value_passes_or_a_true_zero_is_one() -> None:
    pressure = with_value(GENERATOR.normal(72, 9, N), 0, 1, 2, 3)
    assert found(pressure=pressure) == {("placeholder", "pressure"): [1, 2, 3]}
    for true in (
        GENERATOR.poisson(3, N),
        np.where(GENERATOR.random(N) < 0.3, 0, GENERATOR.lognormal(3, 1, N)),
        GENERATOR.normal(0, 1, N).round(1),
        np.where(GENERATOR.random(N) < 0.1, 0, 1),
    ):
        assert found(x=true) == {}


def test_words_run_together() -> None:
    assert words_of("pickupTime") == words_of("pickup_time") == ["pickup", "time"]
    assert words_of("Ø2") == []
