"""What a new model would gain is measured of the windows of a serving champion, by the outcomes that came."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import polars as pl
import pytest

from tasks.core import outcomes
from tasks.core.outcomes import Outcome
from tasks.monitoring.section import Monitor
from tasks.retraining import gains
from tasks.retraining.measuring import measure
from tasks.retraining.policy import Retrain
from tasks.serving.section import Log
from tests.watched import PROJECT, Trained, dated_rows, trained, write_log

LIVE = date(2026, 5, 4)
START = datetime.combine(LIVE, time(), UTC)
WEEK = timedelta(days=7)


@pytest.fixture
def model(open_store: Path) -> Trained:
    return trained(dated_rows(40, 40), Monitor(time="when"))


def lived(home: Path, model: Trained, weeks: int, turned_from: int, told: float = 1.0) -> None:
    """Weeks of answers and their outcomes; from one of them on the answer is the other."""
    for week in range(weeks):
        rows = dated_rows(7, 60, LIVE + week * WEEK, seed=week + 1)
        if week >= turned_from:
            rows = rows.with_columns(pl.col("y").replace({"yes": "no", "no": "yes"}))
        ids = write_log(home, PROJECT, model.champion, rows, prefix=f"{week:04x}")
        n = round(told * len(ids))
        outcomes.add(PROJECT, [Outcome(id=id_, outcome=y) for id_, y in zip(ids[:n], rows["y"][:n], strict=True)])


def found(model: Trained, weeks: int, log: Log | None = None) -> tuple[str, list[float]]:
    told = measure(PROJECT, model.champion, START, (), Retrain(), log or Log(), START + weeks * WEEK)
    return told, [each.gain for each in gains.read(PROJECT, model.champion.artifact.digest)]


def test_a_concept_that_turns_shows_in_the_gain_though_no_input_moved(open_store: Path, model: Trained) -> None:
    lived(open_store, model, weeks=5, turned_from=2)
    told, gained = found(model, 5)
    assert told == "" and len(gained) == 4, "the first week teaches, and nothing before it could"
    assert max(gained[0], gained[1]) < 0.1 < gained[-1]
    assert found(model, 5)[1] == gained


def test_outcomes_that_come_late_are_counted(open_store: Path, model: Trained) -> None:
    lived(open_store, model, weeks=2, turned_from=9, told=0.5)
    found(model, 2)
    assert [each.n_labelled for each in gains.read(PROJECT, model.champion.artifact.digest)] == [210]
    lived(open_store, model, weeks=2, turned_from=9)  # the same rows again, under other segments
    found(model, 2)
    assert gains.read(PROJECT, model.champion.artifact.digest)[0].n_labelled > 210


def test_a_column_that_the_log_hashes_is_said_to_be_missing(open_store: Path, model: Trained) -> None:
    lived(open_store, model, weeks=2, turned_from=9)
    told, gained = found(model, 2, Log(columns={"kind": "hash"}))
    assert "'kind'" in told and gained == []
