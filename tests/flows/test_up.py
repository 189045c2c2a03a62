"""The parts of `keepfit up`, one by one, with processes that are really killed; `test_day.py` has all of it at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from flows import services
from flows.services import deployments, keeper, late, marked, rest
from flows.services.part import Part
from tasks.core import roles, store, tracking
from tasks.core.errors import UsageError
from tests.flows.conftest import Say
from tests.serving.conftest import card, onnx_model

PROJECT = """name: ship
source: {kind: csv, path: ship.csv}
target: fate
"""
SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)",
]


@pytest.fixture
def ship(tmp_path: Path) -> Path:
    """A project with a registered champion in a home beside it."""
    folder, home = tmp_path / "ship", tmp_path / "home"
    folder.mkdir()
    (folder / "project.yaml").write_text(PROJECT, encoding="utf-8")
    (folder / "ship.csv").write_text("age,fate\n1,saved\n2,drowned\n", encoding="utf-8")
    services.place_mlflow(home)
    with store.opened(home):
        blob = store.put(onnx_model(card()), ".onnx")
        source = home / "mlartifacts" / "ship"
        source.mkdir(parents=True)
        (source / "model.onnx").write_bytes(store.path(blob).read_bytes())
        tags = {"keepfit.digest": blob.digest, "keepfit.size": str(blob.size), "keepfit.decision": "champion"}
        tracking.client().create_registered_model("ship")
        tracking.client().create_model_version("ship", source.as_uri(), tags=tags)
        tracking.set_alias("ship", "champion", "1")
        roles.refresh("ship")
    return folder


def wait(for_what: Callable[[], Any], seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := for_what()):
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.1)
    return found


def test_the_keeper_ends_what_a_killed_supervisor_leaves_also_in_other_sessions_and_by_force(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keeper, "GRACE_SECONDS", 0.3)
    left = [
        subprocess.Popen(command, env=os.environ | marked.mark("worker", "a token"), start_new_session=True)
        for command in (SLEEP, STUBBORN)
    ]
    other = subprocess.Popen(SLEEP, env=os.environ | marked.mark("worker", "another"))
    dismissed = keeper.start("a token")
    keeper.dismiss(dismissed)
    assert dismissed.returncode == 0 and all(process.poll() is None for process in left)
    kept = keeper.start("a token")
    assert kept.stdin is not None
    kept.stdin.close()
    try:
        assert [process.wait(20) for process in left] == [-signal.SIGTERM, -signal.SIGKILL]
        assert other.poll() is None
    finally:
        for process in (*left, other):
            process.kill()
            process.wait()
        kept.wait()


@pytest.fixture
def part(tmp_path: Path) -> Iterator[Callable[..., tuple[Part, list[str]]]]:
    """A function that makes and starts a part of this command; all are ended after the test."""
    ended = Event()
    made: list[Part] = []

    def part(command: list[str], answers: Callable[[], bool]) -> tuple[Part, list[str]]:
        told: list[str] = []
        made.append(Part("part", lambda: command, answers, home=tmp_path, token=str(len(made)), told=told.append))
        made[-1].start(ended)
        return made[-1], told

    yield part
    ended.set()
    for each in made:
        each.end()


def test_a_part_that_ends_by_itself_is_started_again_later_each_time_with_its_last_words(
    part: Callable[..., tuple[Part, list[str]]],
) -> None:
    failing, told = part([sys.executable, "-c", "import sys; sys.exit('no such table')"], lambda: True)
    wait(lambda: failing.restarts >= 2)
    assert "ended with exit code 1 after “no such table”; it is started again in 0.5 s" in told[0]
    assert "again in 2 s" in told[1]


def test_a_part_that_hangs_is_started_again(
    part: Callable[..., tuple[Part, list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.services.part.LOOK_SECONDS", 0.1)
    answers = iter([True, False, False, False])
    hanging, told = part(SLEEP, lambda: next(answers, True))
    wait(lambda: hanging.restarts == 1 and hanging.ready.is_set())
    assert "did not answer 3 times in a row" in told[0] and hanging.state == "ready"


def test_of_scheduled_runs_that_were_missed_the_latest_alone_is_run(prefect_server: str) -> None:
    flow = rest.post(f"{prefect_server}/flows/", {"name": "late"})["id"]
    now = datetime.now(UTC)
    hourly = {"schedule": {"interval": 3600, "anchor_date": (now - timedelta(minutes=30)).isoformat()}}
    body = {"name": "late", "flow_id": flow, "schedules": [hourly]}
    deployment = f"{prefect_server}/deployments/{rest.post(f'{prefect_server}/deployments/', body)['id']}"
    rest.post(f"{deployment}/schedule", {"start_time": (now - timedelta(hours=5)).isoformat(), "min_runs": 8})
    asked = {"type": "SCHEDULED", "state_details": {"scheduled_time": (now - timedelta(hours=9)).isoformat()}}
    by_hand = rest.post(f"{deployment}/create_flow_run", {"state": asked})["id"]

    assert list(late.skip_late(prefect_server, now).values()) == [4]
    assert late.skip_late(prefect_server, now) == {}

    filters = {"deployments": {"name": {"any_": ["late"]}}, "sort": "NEXT_SCHEDULED_START_TIME_ASC"}
    runs = rest.post(f"{prefect_server}/flow_runs/filter", filters)
    past = [run for run in runs if run["expected_start_time"] < now.isoformat()]
    waiting = {run["id"]: run["expected_start_time"] for run in past if run["state_type"] == "SCHEDULED"}
    del waiting[by_hand]
    assert [min_ago(due, now) for due in waiting.values()] == [30], "the latest stands for all"
    skipped = [run["state"] for run in past if run["state_type"] == "CANCELLED"]
    assert len(skipped) == 4 and all(state["name"] == "Skipped" for state in skipped)
    assert "nothing ran" in skipped[0]["message"]


def min_ago(due: str, now: datetime) -> int:
    return round((now - datetime.fromisoformat(due)).total_seconds() / 60)


def test_projects_are_those_of_prefect_yaml_and_each_gets_what_it_lacks_there(ship: Path) -> None:
    root = ship.parent
    written = {"deployments": [{"name": "weekly", "entrypoint": "flows/training.py:training"}]}
    written["deployments"][0]["parameters"] = {"project": "ship"}  # pyright: ignore[reportArgumentType]
    (root / "prefect.yaml").write_text(json.dumps(written), encoding="utf-8")
    found, chosen = deployments.choose([], root)
    assert found == root and [each.name for each in chosen] == ["ship"]
    described = deployments.wanted(found, chosen)
    assert deployments.named(described, root, chosen[0], "training") == "weekly"
    weekly, watching = described["deployments"]
    assert weekly["triggers"][0]["match"] == {"prefect.resource.id": "keepfit.project.ship"}
    assert watching["entrypoint"] == "flows.monitoring.monitoring" and watching["schedules"]
    assert deployments.choose([], ship)[1][0].folder == ship, "a folder without prefect.yaml is its own project"


def test_a_folder_without_a_project_and_two_of_one_name_are_refused_in_words(say: Say, ship: Path) -> None:
    code, told = say("up", ship.parent / "none")
    assert code == 2 and "There is no project" in told
    twin = ship.parent / "twin"
    twin.mkdir()
    (twin / "project.yaml").write_text(PROJECT, encoding="utf-8")
    with pytest.raises(UsageError, match="one name"):
        deployments.choose([ship, twin], ship)
