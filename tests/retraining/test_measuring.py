"""What a new model would gain is measured of the windows of a serving champion, by the outcomes that came."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.core import outcomes
from tasks.core.outcomes import Outcome
from tasks.monitoring import windows
from tasks.monitoring.section import Monitor
from tasks.monitoring.window_report import Broken, empty
from tasks.monitoring.windows import Judged
from tasks.retraining import gains
from tasks.retraining.measuring import measure
from tasks.retraining.policy import Retrain
from tasks.retraining.verdict import Gain
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


def found(model: Trained, weeks: int, log: Log | None = None, **more: Any) -> tuple[str, list[Gain]]:
    said: dict[str, Any] = {"since": START, "days": (), "policy": Retrain(), "log": log or Log()} | more
    gained, told = measure(PROJECT, model.champion, now=START + weeks * WEEK, **said)
    return told, list(gained)


def test_a_concept_that_turns_shows_in_the_gain_though_no_input_moved(open_store: Path, model: Trained) -> None:
    lived(open_store, model, weeks=5, turned_from=2)
    told, gained = found(model, 5)
    assert told == "" and len(gained) == 4, "the first week teaches, and nothing before it could"
    # In the week in which it turned the correction still knows the world before.
    assert max(each.gain for each in gained[:2]) < 0.1 < gained[-1].gain
    assert found(model, 5)[1] == gained, "what was measured is not measured anew"


def test_a_model_that_serves_anew_is_not_charged_with_its_former_life(open_store: Path, model: Trained) -> None:
    lived(open_store, model, weeks=4, turned_from=9)
    assert len(found(model, 4)[1]) == 3
    again = found(model, 4, since=START + timedelta(days=9, hours=3))[1]
    whole = [START + timedelta(days=day) for day in (10, 17)]
    assert [each.start for each in again] == whole, "the day on which it began is not whole"


def test_a_window_with_an_incident_teaches_nothing(open_store: Path, model: Trained) -> None:
    lived(open_store, model, weeks=3, turned_from=9)
    broken = Broken(cause="x is 1000 times as large", evidence=())
    days = (empty(f"{LIVE + timedelta(days=20)}", 60).model_copy(update={"incident": broken}),)
    assert [each.start for each in found(model, 3, days=days)[1]] == [START + WEEK]
    assert len(found(model, 3)[1]) == 2


def test_rows_of_a_broken_day_teach_no_correction(open_store: Path, model: Trained) -> None:
    lived(open_store, model, weeks=3, turned_from=9)
    day = LIVE + timedelta(days=13)
    rows = dated_rows(1, 300, day, seed=9).with_columns(pl.col("x") * 100)
    ids = write_log(open_store, PROJECT, model.champion, rows, prefix="beef")
    outcomes.add(PROJECT, [Outcome(id=each, outcome=y) for each, y in zip(ids, rows["y"], strict=True)])
    since = datetime.combine(day, time(), UTC)
    judged = Judged(start=since, end=since + timedelta(days=1), n_rows=360, outcomes="", daily=None, report="{}")
    windows.write(PROJECT, model.model.digest, judged)
    assert abs(found(model, 3)[1][-1].gain) < 0.2


def test_what_does_not_fit_into_memory_is_thinned(
    open_store: Path, model: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    lived(open_store, model, weeks=3, turned_from=9)
    whole = found(model, 3)[1]
    monkeypatch.setattr("tasks.retraining.measuring.MOST_ROWS", 700)
    gains.write(PROJECT, whole[-1].model_copy(update={"n_labelled": 1}))
    thinned = found(model, 3)[1]
    assert thinned[-1].loss != whole[-1].loss
    assert thinned[-1].n_labelled == pytest.approx(whole[-1].n_labelled, rel=0.1)


def test_outcomes_that_come_late_are_counted(open_store: Path, model: Trained) -> None:
    lived(open_store, model, weeks=3, turned_from=9, told=0.15)
    assert [each.n_labelled for each in found(model, 3)[1]] == [63], "before the others there are fewer than 100"
    lived(open_store, model, weeks=3, turned_from=9)  # the same answers, and now all of their outcomes
    assert [each.n_labelled > 210 for each in found(model, 3)[1]] == [True, True]


def test_a_column_that_the_log_hashes_is_said_to_be_missing(open_store: Path, model: Trained) -> None:
    lived(open_store, model, weeks=2, turned_from=9)
    told, gained = found(model, 2, Log(columns={"kind": "hash"}))
    assert "'kind'" in told and gained == []
