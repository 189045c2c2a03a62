"""`keepfit up --once` as a user gives it: the loop closes on real parts, and the user's own home stays as it was."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from flows.demonstrating.plan import Plan
from flows.demonstrating.rows import OFFSET, Lived, drifted
from tasks.core.errors import UsageError
from tasks.core.model_records import ModelCard
from tasks.core.records import Claim, Column, Feature, Target
from tasks.retraining.policy import QuietHours, Retrain
from tests.flows.conftest import KEEPFIT, Say, living, require_published
from tests.watched import dated_rows

PROJECT = """
name: ship
source: ship.csv
target: y
models: [tree]
monitor: {time: when}
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_loop_closes_on_real_parts_and_nothing_of_the_users_own_is_touched(tmp_path: Path) -> None:
    folder, home = tmp_path / "ship", tmp_path / "home"
    folder.mkdir()
    (folder / "project.yaml").write_text(PROJECT, encoding="utf-8")
    dated_rows(40, 40, datetime.now(UTC).date() - timedelta(days=90)).write_csv(folder / "ship.csv")
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "MLFLOW_"))}
    # A server that the user named is not for a demonstration: this one would refuse everything.
    variables |= {"KEEPFIT_HOME": str(home), "PREFECT_API_URL": "http://127.0.0.1:9/api"}
    command = [*KEEPFIT, "up", "--once", str(folder), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env=variables, timeout=800)
    assert done.returncode == 0, done.stderr
    require_published(("up", "--json"), done.stdout)
    told = json.loads(done.stdout)
    steps = {each["step"]: each for each in told["steps"]}
    assert told["closed"] and list(steps)[:3] == ["train", "serve", "score"], steps
    assert steps["event"]["address"].startswith("http://127.0.0.1:") and "x is higher" in steps["drift"]["sentence"]
    last = told["steps"][-1]
    assert last["step"] == "promote" and last["sentence"].startswith("Version 2 serves from now on."), last
    assert steps["train"]["day"] < steps["drift"]["day"] < last["day"] < f"{datetime.now(UTC):%Y-%m-%d}"
    assert [each.name for each in home.iterdir()] == ["demonstration"] and living(home) == []


def test_days_are_enough_for_the_policy_and_are_judged_when_a_training_may_start() -> None:
    today = date(2026, 3, 31)
    plan = Plan.of(Retrain(), 24, today)
    assert len(plan.drifted) == 10, "so many days of 24 rows have the outcomes that are asked for"
    assert plan.sound[0] - plan.begin.date() == timedelta(days=14), "a new champion has its time first"
    assert plan.night_after(plan.drifted[-1]).date() < today, "nothing is dated later than it really is"
    held = Retrain(quiet_hours=QuietHours(hours="22:00-07:00"), drifted=(3, 4), cooldown=0)
    plan = Plan.of(held, 300, today)
    assert len(plan.drifted) == 3 and plan.night_after(plan.drifted[-1]) == datetime(2026, 3, 30, 7, tzinfo=UTC)
    with pytest.raises(UsageError, match="data_drift among the reasons"):
        Plan.of(Retrain(on=("age",)), 300, today)


CARD = ModelCard.model_construct(
    target=Target(name="y", problem="binary", classes=("no", "yes")),
    inputs=(
        Column(name="when", type="date", n_missing=0),
        Column(name="kind", type="text", n_missing=0),
        Column(name="x", type="number", n_missing=1),
    ),
    features=(Feature(name="kind", kind="category", levels=("a", "b", "c")),),
    expectations=(Claim(type="expect_column_values_to_not_be_null", arguments={"column": "when"}, severity="reject"),),
)


def test_dated_rows_are_whole_days_of_the_same_weekday_that_come_now() -> None:
    lived = Lived(dated_rows(40, 24, date(2026, 1, 1)), "when")
    dates = [date(2026, 3, 31) + timedelta(days=n) for n in range(3)]
    days = lived.days(dates, CARD, np.random.default_rng(0))
    assert [each.height for each in days] == [24, 24, 24] and lived.rows_a_day == 24
    assert [each["when"].dt.date().unique().item() for each in days] == dates
    source = dated_rows(40, 24, date(2026, 1, 1))
    real = source.filter(pl.col("x") == days[0]["x"][0])["when"].dt.date().item()
    assert (real.weekday(), real) == (dates[0].weekday(), date(2026, 2, 3)), "the newest such block of whole days"
    assert days[0][OFFSET][1] == timedelta(hours=1, seconds=1)


def test_drift_is_what_the_reference_can_see_and_breaks_no_expectation() -> None:
    rng, rows = np.random.default_rng(0), dated_rows(2, 300)
    days = [rows.head(300), rows.tail(300)]
    moved, how = drifted(days, CARD, 40, rng)
    assert how.startswith("x is higher") and all(each.height == 300 for each in moved)
    assert float(moved[0]["x"].mean()) > float(days[0]["x"].mean()) + 5  # pyright: ignore[reportArgumentType]
    assert float(moved[0]["x"].max()) == float(days[0]["x"].max())  # pyright: ignore[reportArgumentType]
    lost, how = drifted(days, CARD, 0, rng)
    assert (
        how.startswith("kind is missing in every third row")
        and 150 < sum(each["kind"].null_count() for each in lost) < 250
    )


def test_a_demonstration_is_of_one_project_that_keeps_a_log(say: Say, tmp_path: Path) -> None:
    for name in ("ship", "boat"):
        (tmp_path / name).mkdir()
        text = PROJECT.replace("ship", name) + "serve: {log: off}\n"
        (tmp_path / name / "project.yaml").write_text(text, encoding="utf-8")
        (tmp_path / name / f"{name}.csv").write_text("x,y\n1,2\n", encoding="utf-8")
    code, told = say("up", "--once", tmp_path / "ship", tmp_path / "boat")
    assert code == 2 and "one project" in told
    code, told = say("up", "--once", tmp_path / "ship")
    assert code == 2 and "no prediction log" in told
