"""When rows came is the same, however they were told, and days are timed apart."""

from __future__ import annotations

import itertools
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.monitoring.incident_timing_facts import Arrivals

FIRST = datetime(2026, 3, 2)  # noqa: DTZ001  (a Monday)


def moments(seed: int, n_days: int = 30, rows_a_day: int = 40) -> pl.Series:
    rng = np.random.default_rng(seed)
    offsets = rng.integers(0, n_days * 86_400, n_days * rows_a_day).tolist()
    return pl.Series([FIRST + timedelta(seconds=each) for each in offsets], dtype=pl.Datetime("us"))


@given(seed=st.integers(0, 1_000), cuts=st.lists(st.integers(0, 1_200), max_size=5))
def test_parts_in_any_order_are_timed_as_the_whole(seed: int, cuts: list[int]) -> None:
    whole, parts = moments(seed), Arrivals()
    ends = sorted({0, *cuts, len(whole)})
    for start, end in reversed(list(itertools.pairwise(ends))):
        parts.add(whole[start:end])
    assert parts.timing() == Arrivals.of(whole).timing()


def test_the_figures_are_those_of_the_moments() -> None:
    found = moments(0)
    timing = Arrivals.of(pl.concat([found, pl.Series([None], dtype=pl.Datetime("us"))])).timing()
    assert timing is not None
    seconds = np.sort(found.dt.epoch("s").to_numpy())
    assert (timing.first, timing.last, timing.n_days) == (seconds[0], seconds[-1], 30)
    assert timing.longest_pause == np.diff(seconds).max()
    days = found.dt.date().value_counts().sort(found.name)
    mondays = days.filter(days[found.name].dt.weekday() == 1)["count"].to_list()
    assert timing.by_weekday[0] == np.median(mondays[1:])  # the first day may be a part
    assert sum(timing.by_hour) == pytest.approx(1, abs=1e-4)
    assert timing.by_hour[5] == pytest.approx((found.dt.hour() == 5).mean(), abs=1e-5)


def test_a_span_of_days_is_timed_by_its_own_rows() -> None:
    found = moments(1)
    some = found.filter((found.dt.date() >= date(2026, 3, 9)) & (found.dt.date() < date(2026, 3, 23)))
    arrivals = Arrivals.of(found)
    assert arrivals.timing(date(2026, 3, 9), date(2026, 3, 23)) == Arrivals.of(some).timing()
    assert arrivals.n_rows(date(2026, 3, 9)) == int((found.dt.date() == date(2026, 3, 9)).sum())
    assert arrivals.n_rows(date(2027, 1, 1)) == 0 and arrivals.timing(date(2027, 1, 1)) is None
