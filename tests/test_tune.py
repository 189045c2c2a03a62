"""Tuning ends with the same models however often it was interrupted, and whatever a family does."""

from __future__ import annotations

import inspect
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.core import progress, store
from tasks.core.errors import DataError
from tasks.core.model_records import Candidates, Tuned
from tasks.core.records import CheckedSplits
from tasks.select_model import Models, select_model
from tasks.tune import Tuning, tune

select, run = inspect.unwrap(select_model.fn), inspect.unwrap(tune.fn)


def frame(n_rows: int = 160, problem: str = "binary") -> pl.DataFrame:
    generator = np.random.default_rng(1)
    a, b = generator.normal(size=(2, n_rows))
    c = generator.choice(["x", "y", None], n_rows)
    signal = a * b + a + np.where(c == "x", 1.0, 0.0) + generator.normal(0, 0.5, n_rows)
    target = np.where(signal > 0.4, "yes", "no") if problem == "binary" else np.exp(signal)
    return pl.DataFrame({"a": a, "b": b, "c": c.tolist(), "y": target})


def candidates(splits: CheckedSplits, *names: str, metric: str | None = None) -> Candidates:
    return select(splits, Models.model_validate({"use": names, "metric": metric}))


def trials(tuned: Tuned) -> pl.DataFrame:
    return pl.read_parquet(store.path(tuned.trials))


@contextmanager
def counted() -> Iterator[list[str]]:
    """The texts of the trials that are begun."""
    texts: list[str] = []
    token = progress.listener.set(lambda step, text, done, total: texts.append(text))
    try:
        yield texts
    finally:
        progress.listener.reset(token)


def test_a_run_that_goes_on_after_a_kill_repeats_nothing_and_ends_the_same(open_store: Path, make_splits: Any) -> None:
    splits = make_splits(frame(), "y")
    chosen = candidates(splits, "linear", "tree")
    section = Tuning(seconds=None, trials=9, threads=1)
    undisturbed = run(chosen, splits, section)
    for n_whole, half in ((2, b""), (5, b'\n{"trial": {"number": 5, "fam'), (8, b"\n{")):
        (journal,) = (open_store / "tuning").glob("*/journal.jsonl")
        lines = journal.read_bytes().split(b"\n")
        ends = [index for index, line in enumerate(lines) if b'"spent"' in line and b'"trial"' in line]
        journal.write_bytes(b"\n".join(lines[: ends[n_whole - 1] + 1]) + half)
        with counted() as begun:
            resumed = run(chosen, splits, section)
        assert len(begun) == 9 - n_whole
        assert resumed.members == undisturbed.members
        assert trials(resumed).drop("seconds").equals(trials(undisturbed).drop("seconds"))


def test_a_larger_budget_goes_on_where_the_smaller_one_stopped(open_store: Path, make_splits: Any) -> None:
    splits = make_splits(frame(), "y")
    chosen = candidates(splits, "linear", "tree")
    run(chosen, splits, Tuning(seconds=None, trials=5))
    with counted() as begun:
        grown = run(chosen, splits, Tuning(seconds=None, trials=8))
    assert len(begun) == 3
    shutil.rmtree(open_store / "tuning")
    assert run(chosen, splits, Tuning(seconds=None, trials=8)).members == grown.members


def test_other_data_or_another_seed_share_no_trials(open_store: Path, make_splits: Any) -> None:
    for rows, seed in ((160, 0), (161, 0), (160, 1)):
        splits = make_splits(frame(rows), "y")
        with counted() as begun:
            run(candidates(splits, "linear"), splits, Tuning(seconds=None, trials=3, seed=seed))
        assert len(begun) == 3


@pytest.mark.parametrize("problem", ["binary", "regression"])
def test_threads_do_not_change_what_is_learned(problem: str, open_store: Path, make_splits: Any) -> None:
    splits = make_splits(frame(problem=problem), "y")
    found = []
    for threads in (1, 2, 3):
        tuned = run(candidates(splits), splits, Tuning(seconds=None, trials=6, threads=threads))
        found.append((tuned.members, trials(tuned).drop("seconds").rows()))
        shutil.rmtree(open_store / "tuning")
    assert found[0] == found[1] == found[2]


def test_the_winner_is_no_worse_than_any_trial_and_the_leaderboard_is_in_order(
    open_store: Path, make_splits: Any
) -> None:
    splits = make_splits(frame(), "y")
    for metric, sign in (("log_loss", 1), ("roc_auc", -1)):
        tuned = run(candidates(splits, "linear", "tree", metric=metric), splits, Tuning(seconds=None, trials=6))
        scores = sign * trials(tuned)["score"].to_numpy()
        assert sign * tuned.score <= scores.min()
        board = [sign * row.score for row in tuned.leaderboard]
        assert board == sorted(board)
        assert board[0] == scores.min()
        assert sum(member.weight for member in tuned.members) == pytest.approx(1.0)
        assert tuned.n_folds == 5


def test_a_family_that_fails_on_the_data_is_a_failed_trial_with_its_reason(open_store: Path, make_splits: Any) -> None:
    # Trees compute thresholds in float32, which holds nothing larger than 3e38.
    rows = frame().with_columns(b=pl.when(pl.arange(0, 160) == 80).then(1e300).otherwise(pl.col("b")))
    splits = make_splits(rows, "y")
    tuned = run(candidates(splits, "tree", "boosting"), splits, Tuning(seconds=None, trials=5))
    failed = trials(tuned).filter(pl.col("state") == "failed")
    assert set(failed["family"]) == {"tree"}
    assert "ValueError" in failed["reason"][0]
    assert tuned.n_trials == 5 - len(failed)


def test_when_nothing_can_be_fitted_the_reasons_are_told(open_store: Path, make_splits: Any) -> None:
    splits = make_splits(frame(60, "regression").with_columns(y=pl.lit(float("inf"))), "y")
    with pytest.raises(DataError, match=r"linear: ValueError.*infinity"):
        run(candidates(splits, "linear"), splits, Tuning(seconds=None, trials=3))


def test_the_budget_in_seconds_ends_it_and_counts_across_runs(open_store: Path, make_splits: Any) -> None:
    splits = make_splits(frame(400), "y")
    chosen = candidates(splits, "linear", "tree")
    started = time.monotonic()
    tuned = run(chosen, splits, Tuning(seconds=3, trials=None))
    assert time.monotonic() - started < 4
    assert tuned.stopped_by == "seconds"
    assert tuned.n_trials > 3
    with counted() as begun:
        again = run(chosen, splits, Tuning(seconds=3, trials=None))
    assert begun == []
    assert again.members == tuned.members


def test_even_the_shortest_budget_gives_more_than_the_baseline(open_store: Path, make_splits: Any) -> None:
    splits = make_splits(frame(), "y")
    tuned = run(candidates(splits), splits, Tuning(seconds=0.001))
    assert {row.family for row in tuned.leaderboard} == {"baseline", "linear"}
    assert set(trials(tuned)["state"]) == {"finished", "skipped"}


@pytest.mark.parametrize(("n_rows", "n_columns"), [(30, 2), (60, 1_000)])
def test_tiny_and_wide_data_are_learned(n_rows: int, n_columns: int, open_store: Path, make_splits: Any) -> None:
    x = np.random.default_rng(5).normal(size=(n_rows, n_columns))
    rows = pl.DataFrame({f"f{n}": x[:, n] for n in range(n_columns)}).with_columns(
        y=pl.Series(np.where(x[:, 0] + x[:, 1] > 0, "yes", "no"))
    )
    splits = make_splits(rows, "y")
    tuned = run(candidates(splits), splits, Tuning(seconds=4, trials=4))
    assert tuned.members
    assert json.loads(tuned.members[0].params) is not None


def test_folds_in_time_are_tuned_on_the_past(open_store: Path, make_splits: Any) -> None:
    splits = make_splits(frame(200, "regression"), "y", in_time=True)
    assert run(candidates(splits, "linear"), splits, Tuning(seconds=None, trials=3)).n_folds == 4


def test_a_class_that_the_first_folds_in_time_have_none_of_is_learned(open_store: Path, make_splits: Any) -> None:
    rows = frame(200)
    late = rows.with_columns(pl.when(pl.int_range(pl.len()) < 70).then(pl.lit("no")).otherwise("y").alias("y"))
    splits = make_splits(late, "y", in_time=True)
    assert set(trials(run(candidates(splits, "boosting"), splits, Tuning(seconds=None, trials=2)))["state"]) == {
        "finished"
    }


def test_a_tuning_without_an_end_is_refused() -> None:
    with pytest.raises(ValueError, match="needs an end"):
        Tuning(seconds=None, trials=None)


PROCESS = """
import inspect, os, sys
from pathlib import Path
from tasks.core import store
from tasks.core.model_records import Candidates
from tasks.core.records import CheckedSplits
from tasks.tune import Tuning, tune

folder = Path(sys.argv[1])
with store.opened(folder / "home"):
    chosen = Candidates.model_validate_json((folder / "candidates.json").read_bytes())
    splits = CheckedSplits.model_validate_json((folder / "splits.json").read_bytes())
    tuned = inspect.unwrap(tune.fn)(chosen, splits, Tuning(seconds=None, trials=24))
    print(tuned.model_dump_json())
"""


@pytest.mark.slow
def test_kill_9_within_tuning_and_the_same_command_again_end_in_the_same_models(
    open_store: Path, make_splits: Any
) -> None:
    splits = make_splits(frame(300), "y")
    chosen = candidates(splits, "linear", "tree")
    undisturbed = run(chosen, splits, Tuning(seconds=None, trials=24))
    (whole,) = (open_store / "tuning").glob("*/journal.jsonl")
    n_whole = whole.read_bytes().count(b'"trial"')
    shutil.rmtree(open_store / "tuning")
    folder = open_store.parent
    (folder / "candidates.json").write_text(chosen.model_dump_json())
    (folder / "splits.json").write_text(splits.model_dump_json())
    command = [sys.executable, "-c", PROCESS, str(folder)]

    def n_done() -> int:
        return sum(path.read_bytes().count(b'"trial"') for path in (open_store / "tuning").glob("*/journal.jsonl"))

    for wanted in (3, 12):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            while n_done() < wanted and process.poll() is None:
                time.sleep(0.002)
            process.kill()
    assert 12 <= n_done() < n_whole
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert Tuned.model_validate_json(answer.stdout).members == undisturbed.members
    assert n_done() == n_whole
