"""Outliers are what the column's own tails do not reach, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.examining.tails import reach

Draw = Callable[[np.random.Generator, int], np.ndarray]

CLEAN: dict[str, Draw] = {
    "normal": lambda generator, n: generator.normal(5, 2, n),
    "log-normal": lambda generator, n: generator.lognormal(3, 1, n),
    "exponential": lambda generator, n: generator.exponential(1, n),
    "uniform": lambda generator, n: generator.uniform(-1, 1, n),
    "pareto": lambda generator, n: generator.pareto(2, n) + 1,
    "left-skewed": lambda generator, n: -generator.gamma(2, 1, n),
    "counts": lambda generator, n: generator.poisson(30, n).astype(float),
    "mostly zero": lambda generator, n: np.where(generator.random(n) < 0.8, 0, generator.lognormal(5, 1, n)),
    "two kinds": lambda generator, n: np.where(generator.random(n) < 0.3, 8, 0) + generator.normal(size=n),
}


@pytest.mark.parametrize("name", CLEAN)
def test_a_clean_column_has_outliers_because_it_is_skewed_or_large(name: str) -> None:
    alarms = 0
    for seed in range(40):
        values = CLEAN[name](np.random.default_rng(seed), 2000)
        limits = reach(values, len(values))
        assert limits is not None
        alarms += bool(limits.beyond(values).any())
    assert alarms <= 1, f"{alarms} of 40 clean columns"


@pytest.mark.parametrize("name", ["normal", "uniform", "counts", "left-skewed", "two kinds"])
def test_a_value_a_hundred_times_too_large_hides(name: str) -> None:
    found = 0
    for seed in range(20):
        values = CLEAN[name](np.random.default_rng(seed), 2000)
        largest = int(np.argmax(np.abs(values)))
        values[largest] *= 100
        limits = reach(values, len(values))
        assert limits is not None
        found += bool(limits.beyond(values)[largest])
    assert found == 20


def test_a_log_normal_column_hides_what_its_logarithms_show() -> None:
    values = np.random.default_rng(1).lognormal(3, 0.5, 2000)
    values[7] = 100 * np.exp(3)
    limits = reach(values, len(values))
    assert limits is not None
    assert np.flatnonzero(limits.beyond(values)).tolist() == [7]
    values[8] = np.exp(3) / 100
    limits = reach(values, len(values))
    assert limits is not None
    assert np.flatnonzero(limits.beyond(values)).tolist() == [7, 8]


def test_one_wrong_row_in_a_hundred_is_taken_for_the_tail() -> None:
    values = np.random.default_rng(2).normal(50, 5, 5000)
    values[::100] *= 10
    limits = reach(values, len(values))
    assert limits is not None
    assert np.array_equal(np.flatnonzero(limits.beyond(values)), np.arange(0, 5000, 100))


def test_the_commonest_value_of_all_is_an_outlier() -> None:
    values = np.where(np.arange(1000) % 2 == 0, 0.0, np.random.default_rng(3).normal(1000, 1, 1000))
    limits = reach(values, len(values))
    assert limits is not None and limits.atom == 0
    assert not limits.beyond(values).any()


@pytest.mark.parametrize("values", [[], [1.0] * 500, [1.0, 2.0, 3.0, 4.0, 5.0] * 100, [*range(49)]])
def test_too_few_values_are_judged(values: list[float]) -> None:
    assert reach(np.array(values, float), len(values)) is None


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.floats(-1e30, 1e30), min_size=60, max_size=70),
    st.floats(min_value=0.125, max_value=1024),
)
def test_another_unit_gives_other_outliers_or_a_number_fails(values: list[float], factor: float) -> None:
    here, scale = np.array(values, np.float64), 2.0 ** round(np.log2(factor))  # exact, or ties would break otherwise
    first, second = reach(here, len(here)), reach(here * scale, len(here))
    assert (first is None) == (second is None)
    if first is not None and second is not None:
        assert first.low <= np.median(here) <= first.high or first.atom is not None
        near = 1e-6 * (1 + np.abs(here))
        clear = (np.abs(here - first.low) > near) & (np.abs(here - first.high) > near)
        assert np.array_equal(first.beyond(here)[clear], second.beyond(here * scale)[clear])
