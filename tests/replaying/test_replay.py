"""The replay: what it knows when, what it keeps, and that its policies see what they should."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from flows.history import fits_of
from flows.replay import replayed, span_of
from tasks.core import store
from tasks.core.errors import DataError, ProjectError, UsageError
from tasks.project import load_project
from tasks.replaying.fits import Fits
from tasks.replaying.gating import gate
from tasks.replaying.records import Replay
from tasks.replaying.told import told
from tasks.retraining.correction import Floats
from tests.flows.conftest import require_published
from tests.replaying.conftest import START, MakeProject, rows

POLICIES = {"keepfit", "never", "schedule", "adwin", "page_hinkley", "ks", "psi"}


def replay(folder: Path, **said: str | None) -> Replay:
    project = load_project(folder)
    span = span_of(project, said.get("every"), said.get("delay"), START.replace(day=22), None)
    with store.opened(folder / ".keepfit"):
        return replayed(project, span, threads=2)


@pytest.fixture(scope="session")
def turned(make_project: MakeProject) -> tuple[Path, Replay]:
    folder = make_project(rows())
    return folder, replay(folder)


def test_a_concept_that_turns_is_trained_for_though_no_input_moved(turned: tuple[Path, Replay]) -> None:
    found = turned[1]
    assert {each.name for each in found.policies} >= POLICIES
    keepfit, never, psi = (found.policy(name) for name in ("keepfit", "never", "psi"))
    assert any(each.cause == "gain" for each in keepfit.trainings)
    assert keepfit.score > never.score + 0.1
    assert psi.score <= keepfit.score
    assert keepfit.retrainings < found.policy("schedule").retrainings == found.n_windows - 1
    assert never.retrainings == 0 and never.seconds == 0


def test_a_second_replay_fits_nothing_and_says_the_same(turned: tuple[Path, Replay]) -> None:
    folder, first = turned
    again = replay(folder)
    assert first.n_fitted > 0 and again.n_fitted == 0 and again.n_recalled == first.n_fitted
    for before, now in zip(first.policies, again.policies, strict=True):
        assert [step.score for step in before.steps] == [step.score for step in now.steps]


class OfRecord(Fits):
    """Fits whose proxies are sound, and whose last models of record answer the opposite."""

    def answers(self, n_rows: int, rows: slice) -> Floats:
        found = super().answers(n_rows, rows)
        return found if n_rows < self.history.windows[8].n_labelled else found[:, ::-1]

    def proxy(self, n_rows: int, known: int, rows: slice) -> Floats:
        return super().answers(known, rows)


def test_a_broken_model_does_not_pass_by_the_luck_of_its_proxy(turned: tuple[Path, Replay]) -> None:
    folder = turned[0]
    project = load_project(folder)
    with store.opened(folder / ".keepfit"):
        fits = fits_of(project, span_of(project, None, None, START.replace(day=22), None))
        sound, _ = gate(fits, 8, fits.history.windows[6].n_labelled)
        fits.__class__ = OfRecord
        found, _ = gate(fits, 8, fits.history.windows[6].n_labelled)
    assert fits.n_fitted == 0
    assert sound.held and not sound.knows
    assert not found.held and found.knows and found.gain < -10 * found.error and found.n_rows > sound.n_rows


def test_no_row_is_seen_before_its_date(turned: tuple[Path, Replay], make_project: MakeProject) -> None:
    """Planted rows of the last two weeks, all wrong and of other levels and sizes, change nothing before them."""
    first, planted = turned[1], rows()
    late = pl.col("came") >= "2025-03-05"
    planted = planted.with_columns(
        pl.when(late).then(pl.lit("no")).otherwise(pl.col("y")).alias("y"),
        pl.when(late).then(1e6).otherwise(pl.col("x")).alias("x"),
    )
    other = replay(make_project(planted, "planted"))
    before = [
        number
        for number, step in enumerate(first.policy("keepfit").steps)
        if step.start <= START.replace(month=2, day=26)
    ]
    assert len(before) >= 4
    for ours, theirs in zip(first.policies, other.policies, strict=True):
        assert [ours.steps[n].score for n in before[:-1]] == [theirs.steps[n].score for n in before[:-1]], ours.name
        until = ours.steps[before[-1]].start
        causes = [[(each.at, each.cause) for each in of.trainings if each.at <= until] for of in (ours, theirs)]
        assert causes[0] == causes[1], ours.name
    assert first.policy("never").steps[-1].score != other.policy("never").steps[-1].score


def test_a_pause_and_a_class_that_comes_late_are_lived_through(make_project: MakeProject) -> None:
    """Weeks without rows have no loss and judge no challenger; of a class that nobody knew no model has an answer."""
    odd = rows(70, 20)
    came = pl.col("came").str.to_datetime()
    paused = pl.when(came > START.replace(month=2, day=13, tzinfo=None)).then(came.dt.offset_by("70d")).otherwise(came)
    late = pl.int_range(pl.len()).is_in([1_000, 1_300])
    frame = odd.with_columns(
        paused.dt.strftime("%Y-%m-%d %H:%M:%S").alias("came"),
        pl.when(late).then(pl.lit("perhaps")).otherwise("y").alias("y"),
    )
    said = "split: {by: time, column: came}\nretrain: {on: [age], max_age: 6}"
    found = replay(make_project(frame, "paused", said))
    assert found.late_classes == {"perhaps": 2} and "Left out: 'perhaps' (2 rows)" in told(found)
    keepfit = found.policy("keepfit")
    assert [each.n_rows for each in keepfit.steps].count(0) >= 9 and np.isfinite(keepfit.loss)
    (within,) = [each for each in keepfit.trainings if keepfit.steps[each.window - 1].n_rows == 0]
    assert within.cause == "age" and within.judged is not None and within.judged.n_rows > 0


def test_outcomes_that_come_late_are_learnt_from_late(turned: tuple[Path, Replay]) -> None:
    folder, at_once = turned
    late = replay(folder, delay="7d")
    turn = [
        number
        for number, step in enumerate(late.policy("schedule").steps)
        if step.start >= START.replace(month=2, day=26)
    ]
    scores = [[of.policy("schedule").steps[n].score or 0.0 for n in turn] for of in (at_once, late)]
    assert sum(scores[0]) > sum(scores[1])


def test_a_project_without_a_time_is_told_what_to_say(make_project: MakeProject) -> None:
    folder = make_project(rows(), said="seed: 0")
    with pytest.raises(ProjectError, match=r"monitor: \{time: …\}"):
        replay(folder)
    (folder / "project.yaml").write_text((folder / "project.yaml").read_text() + "monitor: {time: z}\n")
    with pytest.raises(DataError, match="column of dates"):
        replay(folder)


@pytest.mark.parametrize(("every", "delay"), [("month", None), ("0d", None), (None, "soon")])
def test_a_span_that_is_none_is_refused(make_project: MakeProject, every: str | None, delay: str | None) -> None:
    with pytest.raises(UsageError, match="a span of time such as 7d"):
        replay(make_project(rows(30)), every=every, delay=delay)


def test_too_little_history_says_what_there_is(make_project: MakeProject) -> None:
    folder = make_project(rows(10))
    with pytest.raises(UsageError, match="too little history"):
        replay(folder)
    project = load_project(folder)
    with store.opened(folder / ".keepfit"), pytest.raises(UsageError, match="found none before 2001-01-01"):
        replayed(project, span_of(project, None, None, None, START.replace(year=2001)), threads=2)


@pytest.mark.slow
def test_a_killed_replay_goes_on_where_it_was_and_applies_what_is_accepted(make_project: MakeProject) -> None:
    folder = make_project(rows(40, 150))
    command = [sys.executable, "-m", "flows.cli", "replay", str(folder), "--every", "3d", "--json"]
    env = os.environ | {"KEEPFIT_HOME": str(folder / ".keepfit")}
    root = Path(__file__).parents[2]
    running = subprocess.Popen(command, env=env, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    memory = folder / ".keepfit" / "memory" / "replayed_fit"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and (not memory.exists() or len(list(memory.glob("*.json"))) < 2):
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait()
    n_kept = len(list(memory.glob("*.json")))
    done = subprocess.run([*command, "--apply", "--accept"], env=env, cwd=root, capture_output=True, check=True)
    require_published(("replay", "--json"), done.stdout.decode())
    found = json.loads(done.stdout)
    assert found["n_recalled"] == n_kept > 0 and found["n_fitted"] > 0
    assert set(found["policies"]) >= POLICIES
    assert len(found["policies"]["keepfit"]["scores"]) == found["n_windows"]
    assert Path(found["report"]).read_text().startswith("<!doctype html>")
    assert found["applied"] == bool(found["diff"])
    assert load_project(folder).retrain.gain == found["recommended"]["retrain"]["gain"]
