"""kill -9 anywhere, and the same command again: nothing that was finished is done again, and the result is the same."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from prefect.exceptions import TerminationSignal

from flows.runs import terminated_as_told
from tests.flows.conftest import STEPS, Keepfit

REMEMBERED = [step for step in STEPS if step not in ("collect", "deploy")]

KILLED = """
import os, signal, sys
from tasks.core import progress

wanted = sys.argv.pop(1).split(":")
tell = progress.advance

def advance(step, text, done, total=None):
    ended = total is not None and done >= total and (text == "remembered" or text.endswith(" s"))
    at = "end" if ended else "start" if total is None else str(done)
    if [step, at] == wanted:
        os.kill(os.getpid(), signal.SIGKILL)
    tell(step, text, done, total)

progress.advance = advance
from flows.cli import main
main()
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_that_is_killed_at_every_step_and_within_tuning_ends_like_one_that_was_not(
    keepfit: Keepfit, example: Callable[[str], Path], tmp_path: Path
) -> None:
    project = example("titanic")
    train = ("train", project, "--trials", 6, "--json")
    undisturbed = Keepfit(tmp_path / "another home", keepfit.server)(*train).json

    kills = ["collect:start", "check:start", "prepare:start", "check_splits:start", "select_model:start"]
    kills += ["tune:start", "tune:2", "tune:4"]
    kills += [
        "train:start",
        "verify:start",
        "evaluate:start",
        "reference:start",
        "deploy:start",
        "deploy:end",
        "report:end",
    ]
    for kill in kills:
        finished = keepfit(kill, *train, code=KILLED)
        assert finished.code == -signal.SIGKILL, (kill, finished.err)
    resumed = keepfit(*train).json

    assert resumed["model"]["digest"] == undisturbed["model"]["digest"]
    assert resumed["metrics"] == undisturbed["metrics"] and resumed["reasons"] == undisturbed["reasons"]
    assert resumed["model"]["version"] == "1", "the kill between registering and the alias must not register twice"
    assert resumed["cached"] == REMEMBERED
    journals = list((keepfit.home / "tuning").rglob("*.jsonl"))
    lines = [json.loads(line) for journal in journals for line in journal.read_text().splitlines() if line]
    numbers = [line["trial"]["number"] for line in lines if "trial" in line]
    assert numbers == list(range(6)), "every trial once, in order"


@pytest.mark.slow
def test_runs_of_dead_processes_are_swept_at_the_next_start(keepfit: Keepfit, example: Callable[[str], Path]) -> None:
    from mlflow import MlflowClient

    project = example("titanic")
    assert keepfit("prepare:start", "train", project, "--trials", 2, code=KILLED).code == -signal.SIGKILL
    client = MlflowClient(f"sqlite:///{keepfit.home / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("titanic")
    assert experiment is not None

    def statuses() -> list[str]:
        return sorted(run.info.status for run in client.search_runs([experiment.experiment_id]))

    assert statuses() == ["RUNNING"]
    assert keepfit("train", project, "--trials", 2).code == 0
    assert statuses() == ["FINISHED", "KILLED"]


@pytest.mark.parametrize("told", [TerminationSignal(signal.SIGTERM), KeyboardInterrupt()], ids=["SIGTERM", "Ctrl-C"])
def test_a_termination_that_prefect_stumbles_over_is_one(told: BaseException) -> None:
    """A signal that comes while a task is being made: Prefect's own handling of it then fails for want of the task."""

    def start_a_task() -> None:
        try:
            raise told
        except BaseException:
            raise ValueError("Task run is not set")  # noqa: B904

    with pytest.raises(type(told)), terminated_as_told():
        start_a_task()
    with pytest.raises(ValueError, match="another"), terminated_as_told():
        raise ValueError("another")


@pytest.mark.slow
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)])
def test_an_interrupted_run_ends_at_once_and_is_no_failure(
    keepfit: Keepfit, example: Callable[[str], Path], sent: signal.Signals, code: int
) -> None:
    from mlflow import MlflowClient

    process = keepfit.start("train", example("titanic"), "--trials", 500)
    assert process.stderr is not None
    while "select model" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(sent)
    _, told = process.communicate(timeout=30)
    assert process.returncode == code and "Traceback" not in told, told
    client = MlflowClient(f"sqlite:///{keepfit.home / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("titanic")
    assert experiment is not None
    assert [run.info.status for run in client.search_runs([experiment.experiment_id])] == ["KILLED"]
