"""The promise and the power in small: fixed seeds, real rows, seconds. benchmarks/drift.py has the figures."""

from __future__ import annotations

import datetime
from functools import cache

import numpy as np
import pyarrow as pa
import pytest

from tasks.core.errors import DataError
from tasks.monitoring.cells import Kind
from tasks.monitoring.checking import most_of, promise, self_check
from tasks.monitoring.daily import Daily, daily
from tasks.monitoring.judging import Report, judge
from tasks.monitoring.least import least_detectable
from tasks.monitoring.reference import Reference

KINDS: dict[str, Kind] = {"a": "number", "b": "number", "c": "number", "level": "category"}
START = datetime.date(2024, 1, 1)


def rows(
    day: int, n_rows: int = 1_000, *, shift: float = 0.0, rho: float = 0.5, missing: float = 0.01, points: float = 0.0
) -> pa.RecordBatch:
    """One day's rows: a and b correlated, a weekly pattern in all, days with effects of their own in c."""
    rng = np.random.default_rng([day, n_rows])
    a, b, c = rng.normal(size=(3, n_rows)) + 0.1 * np.sin(2 * np.pi * (day % 7) / 7)
    b = rho * a + np.sqrt(1 - rho**2) * b
    c = c + 0.05 * rng.normal()
    level = np.searchsorted([0.4 + points, 0.7 + points], rng.random(n_rows))
    return pa.record_batch(
        {
            "a": np.where(rng.random(n_rows) < missing, np.nan, a),
            "b": np.exp(b),
            "c": c + shift,
            "level": pa.array(np.array(["x", "y", "z"])[level]),
        }
    )


@cache
def reference(n_days: int = 90) -> Reference:
    days = (START - datetime.date(1970, 1, 1)).days + np.arange(n_days)
    batches = [rows(i).append_column("__time__", pa.array([day] * 1_000, pa.date32())) for i, day in enumerate(days)]
    return Reference.build(lambda: batches, KINDS)


def window(day: int, n_rows: int = 1_000, **change: float) -> Daily:
    return daily(reference().cells, [rows(day, n_rows, **change)], START + datetime.timedelta(day))


def drifted(report: Report) -> list[tuple[str, ...]]:
    return [each.columns for each in (*report.columns, *report.pairs) if each.drift]


def test_two_years_without_drift_raise_at_most_what_is_promised() -> None:
    report = judge(reference(), [window(day) for day in range(90, 90 + 730)])
    assert report.alarms_promised == pytest.approx(2)
    assert report.alarms_spent <= most_of(2.0)
    assert not report.drift
    assert "At most 1 false alarm a year" in report.promise


def test_rules_that_take_rows_as_independent_break_the_promise_on_the_same_rows() -> None:
    """The test above can fail: Kolmogorov-Smirnov with Bonferroni's correction over the year raises far more."""
    from scipy.stats import ks_2samp

    known = np.concatenate([rows(day).column("c").to_numpy() for day in range(30)])
    p = [ks_2samp(known, rows(day).column("c").to_numpy()).pvalue for day in range(90, 90 + 120)]
    assert (np.array(p) < 1 / 365 / 4).sum() > 5


@pytest.mark.parametrize(
    ("change", "found", "words"),
    [
        ({"shift": 0.5}, ("c",), "sd higher"),
        ({"shift": -0.5}, ("c",), "sd lower"),
        ({"missing": 0.06}, ("a",), "missing in"),
        ({"points": 0.15}, ("level",), "'x' in"),
        ({"rho": 0.0}, ("a", "b"), "correlation of sizes"),
    ],
)
def test_the_first_window_with_a_change_names_it_and_nothing_else(
    change: dict[str, float], found: tuple[str, ...], words: str
) -> None:
    for day in range(90, 100):
        report = judge(reference(), [window(day, **change)])
        assert drifted(report) == [found]
        said = next(each for each in (*report.columns, *report.pairs) if each.drift)
        assert words in said.words
        assert report.episodes[0].columns == found and report.episodes[0].open


def test_a_million_rows_do_not_fire_on_trifles() -> None:
    report = judge(reference(), [window(97, 300_000, shift=0.02, points=0.003)])
    assert drifted(report) == []


def test_slow_drift_is_found_before_a_day_would_show_it() -> None:
    history = [window(90 + day, shift=0.015 * day) for day in range(21)]
    first = next(day for day in range(1, 22) if judge(reference(), history[:day]).drift)
    assert 4 < first < 21
    assert [each.columns for each in judge(reference(), history).episodes] == [("c",)]


def test_each_column_shows_the_least_shift_that_was_printed_for_it() -> None:
    least = {each.column: each for each in least_detectable(reference(), 1_000)}
    assert least["c"].shift is not None and least["level"].shift is not None
    assert least["c"].words == f"{least['c'].shift:.2f} sd"
    hits = [
        (("c",) in drifted(judge(reference(), [window(day, shift=least["c"].shift)])))
        + (("level",) in drifted(judge(reference(), [window(day, points=least["level"].shift)])))
        for day in range(90, 130)
    ]
    assert sum(hits) >= 72  # of 80; 76 are promised on average
    none = [("c",) in drifted(judge(reference(), [window(day, shift=least["c"].shift / 3)])) for day in range(90, 130)]
    assert sum(none) < 8


def test_few_days_promise_nothing_and_say_so() -> None:
    short = Reference(reference().cells, reference().total, dict(list(reference().days.items())[:10]))
    undated = Reference(reference().cells, reference().total, {})
    assert promise(short).startswith("No promise: the reference has 10 days")
    assert promise(undated).startswith("No promise: the reference's rows have no dates")
    for each in (short, undated):
        report = judge(each, [window(90, shift=0.5)])
        assert not report.drift and report.alarms_promised is None
        finding = next(f for f in report.columns[2].findings if f.what == "mean")
        assert finding.low is not None and finding.high is not None
        assert 0.3 < finding.low < finding.effect < finding.high < 0.7
    assert all(each.shift is None for each in least_detectable(short, 1_000))
    thirty = Reference(reference().cells, reference().total, dict(list(reference().days.items())[:40]))
    assert "90 days see smaller ones" in promise(thirty)


def test_new_levels_and_missing_values_where_none_were_alarm_without_any_days() -> None:
    undated = Reference(reference().cells, reference().total, {})
    batch = rows(95).set_column(3, "level", pa.array(["never seen"] * 50 + ["x"] * 950))
    batch = batch.set_column(2, "c", pa.array([None] * 50 + [0.0] * 950, pa.float64()))
    report = judge(undated, [daily(undated.cells, [batch])])
    assert [each.columns for each in report.columns if each.drift] == [("c",), ("level",)]


def dated(shifts: list[float]) -> Reference:
    """A reference of days with these shifts."""
    first = (START - datetime.date(1970, 1, 1)).days
    days = [pa.array([first + i] * 1_000, pa.date32()) for i in range(len(shifts))]
    batches = [
        rows(i, shift=by).append_column("__time__", day) for i, (by, day) in enumerate(zip(shifts, days, strict=True))
    ]
    return Reference.build(lambda: batches, KINDS)


def test_days_that_jump_within_the_reference_do_not_keep_the_promise() -> None:
    made = dated([1.0 * (i in (45, 60, 75)) for i in range(90)])
    assert not self_check(made).kept
    assert promise(made).startswith("NOT KEPT")
    assert self_check(reference()).kept


@pytest.mark.parametrize("n_new", [2, 20])
def test_a_change_that_was_learnt_is_no_drift_and_the_next_one_is(n_new: int) -> None:
    made = dated([1.5 * (i >= 60) for i in range(60 + n_new)])
    assert self_check(made).kept
    first = START + datetime.timedelta(60 + n_new)

    def found(n_days: int, shift: float = 0.0) -> Report:
        days = [(60 + n_new + i, first + datetime.timedelta(i)) for i in range(n_days)]
        return judge(made, [daily(made.cells, [rows(i, shift=shift)], day) for i, day in days])

    learnt = found(26, 1.5)
    assert not learnt.drift and not learnt.episodes
    assert not found(1).drift  # the world before is known, too
    for shift in (2.2, 0.8, -0.6):
        assert drifted(found(1, shift)) == [("c",)]


def test_alarms_within_a_week_are_one_episode_and_end_after_it() -> None:
    shifted = {2, 5, 20}
    history = [window(90 + day, shift=0.5 * (day in shifted)) for day in range(40)]
    found = [each for each in judge(reference(), history).episodes if each.columns == ("c",)]
    assert [(each.first, each.n_alarms, each.open) for each in found] == [
        (START + datetime.timedelta(92), 2, False),
        (START + datetime.timedelta(110), 1, False),
    ]


def test_more_alarms_are_allowed_to_see_smaller_shifts() -> None:
    strict, loose = (least_detectable(reference(), 1_000, alarms)[0].shift or 0 for alarms in (0.1, 12))
    assert loose < strict


def test_no_window_is_refused_in_words() -> None:
    with pytest.raises(DataError, match="expected at least one window"):
        judge(reference(), [])
