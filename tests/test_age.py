"""How a model ages: what is planted is found, what cannot be told is said, and nothing apart is mixed."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.age import AgeSection, age
from tasks.core import store
from tasks.core.age_curve import Ageing
from tasks.core.model_records import Member, Tuned
from tasks.core.records import CheckedSplits
from tasks.learning import dated
from tasks.models import FAMILIES
from tasks.retraining import ageing

run = inspect.unwrap(age.fn)
WEEKLY = AgeSection(every="7d", time="t")
MEMBER = Member(family="linear", params='{"penalty": 1.0}', weight=1.0, score=0.5)


def rows(n_weeks: int = 30, turn: float = 0.04, a_week: int = 120) -> pl.DataFrame:
    """Rows whose target turns by so much of a half circle a week, from x towards z."""
    random, n_rows = np.random.default_rng(5), n_weeks * a_week
    week = np.arange(n_rows) / a_week
    x, z = random.normal(size=(2, n_rows))
    signal = x * np.cos(np.pi * turn * week) + z * np.sin(np.pi * turn * week)
    y = np.where(signal + 0.3 * random.normal(size=n_rows) > 0, "yes", "no")
    moments = [datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None) + timedelta(weeks=each) for each in week.tolist()]
    return pl.DataFrame({"t": moments, "x": x, "z": z, "y": y})


@pytest.fixture
def splits_by(make_splits: Any) -> Any:
    """A function that splits such rows, with `t` as no feature."""

    def split(frame: pl.DataFrame, *, in_time: bool = True) -> CheckedSplits:
        made = make_splits(frame, "y", in_time=in_time)
        features = tuple(each for each in made.splits.features if each.name != "t")
        return CheckedSplits(splits=made.splits.model_copy(update={"features": features}), reports=())

    return split


def tuned(seconds: float = 1.0) -> Tuned:
    trials = {"family": ["linear"], "params": [MEMBER.params], "seconds": [seconds]}
    return Tuned(
        metric="log_loss",
        members=(MEMBER,),
        score=0.5,
        leaderboard=(),
        trials=store.put_table(pl.DataFrame(trials)),
        n_trials=1,
        stopped_by="seconds",
        n_folds=4,
    )


@pytest.mark.parametrize("in_time", [True, False])
def test_a_meaning_that_turns_is_told_from_one_that_stays(in_time: bool, open_store: Path, splits_by: Any) -> None:
    assert "linear" in FAMILIES
    turning = run(tuned(), splits_by(rows(a_week=400), in_time=in_time), WEEKLY, None).curve
    still = run(tuned(), splits_by(rows(turn=0.0, a_week=400), in_time=in_time), WEEKLY, None).curve
    assert turning is not None and still is not None
    assert turning.error is not None and turning.per_window > 3 * turning.error and turning.cadence < 5
    assert still.error is not None and abs(still.per_window) < max(0.01, 3 * still.error) and still.cadence > 4
    losses = [each.relative_loss for each in turning.points]
    assert [each.age for each in turning.points] == [8.0, 4.0, 2.0] and losses == sorted(losses, reverse=True)


def test_what_cannot_be_measured_is_said(open_store: Path, splits_by: Any) -> None:
    undated = run(tuned(), splits_by(rows(), in_time=False), AgeSection(every="7d"), None)
    assert undated.curve is None and "`monitor: {time: …}`" in undated.sentence
    short = run(tuned(), splits_by(rows(n_weeks=3, a_week=200)), WEEKLY, None)
    assert short.curve is None and "too short" in short.why
    few = run(tuned(), splits_by(rows(n_weeks=40, a_week=5)), WEEKLY, None)
    assert few.curve is None and "100 are needed" in few.why
    spent = run(tuned(seconds=50.0), splits_by(rows()), AgeSection(every="7d", time="t", seconds=60), None)
    assert spent.curve is None and "of the budget of 60 s" in spent.why
    assert run(tuned(seconds=50.0), splits_by(rows()), WEEKLY, None).curve is not None
    broken = MEMBER.model_copy(update={"params": '{"penalty": "none"}'})
    failed = run(tuned().model_copy(update={"members": (broken,)}), splits_by(rows()), WEEKLY, None)
    assert failed.curve is None and "linear cannot learn" in failed.why, "a training was lost for it"
    taken = Ageing(every="7d", curve=ageing.age_curve([]), of="d")
    assert run(tuned(), splits_by(rows()), WEEKLY, taken) == taken


def test_a_test_row_teaches_only_where_rows_are_split_by_time(open_store: Path, splits_by: Any) -> None:
    undated = rows().with_columns(t=pl.when(pl.int_range(pl.len()) % 50 > 0).then("t"))
    for in_time in (True, False):
        found = dated.load(splits_by(undated, in_time=in_time).splits, "t", 100_000)
        assert len(set(found.teaching) & set(found.judging)) == (len(found.judging) if in_time else 0)
        for places in (found.teaching, found.judging):
            assert not np.isnat(found.moments[places]).any() and (np.diff(found.moments[places]).astype(int) >= 0).all()


def test_no_row_that_judges_teaches_nor_one_whose_outcome_is_not_known_yet() -> None:
    hours = np.datetime64("2026-01-01", "us") + np.arange(24 * 7 * 20) * np.timedelta64(1, "h")
    late, week = timedelta(days=3), timedelta(weeks=1)
    cut = ageing.cuts(hours, hours, week, late)
    assert not isinstance(cut, str)
    first = hours[cut.judged(hours)][0]
    ends = [hours[size - 1] for size in cut.known(hours)]
    assert len(hours[cut.judged(hours)]) == 2 * 24 * 7 and all(first - end > np.timedelta64(late) for end in ends)
    assert [(ends[-1] - end) / np.timedelta64(week) for end in ends] == list(cut.ages) == [8, 4, 2, 0]
    assert ageing.cuts(hours[:500], hours[:500], week) != cut  # 3 weeks: the second half is no model's age
    daily = np.repeat(hours[::24], 300)
    assert "of any age know too few" in str(ageing.cuts(daily, daily, timedelta(hours=1)))


def test_a_curve_in_other_windows_says_the_same_of_the_model() -> None:
    weekly = ageing.age_curve([ageing.Aged(age=2, relative_loss=1.028)])
    daily = ageing.in_windows(weekly, timedelta(days=7), timedelta(days=1))
    assert daily.per_window == pytest.approx(weekly.per_window / 7) and daily.points[0].age == pytest.approx(14)
    assert weekly.cadence == pytest.approx(3.78, abs=0.01) and daily.cadence == 8.0
