"""The loop, live: rows drift, the verdict asks once, one run does it, and whatever was down in between."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import polars as pl
import pytest
import yaml

from flows import asked as asked_for
from flows import events, requesting
from tasks.core import outcomes, roles, store
from tasks.core.errors import Unavailable
from tasks.core.outcomes import Outcome
from tasks.retraining import requests, trainings, verdicts
from tasks.retraining.trigger import REQUESTED, Trigger
from tasks.retraining.verdict import Verdict
from tests.flows.conftest import Keepfit
from tests.flows.test_deployments import ROOT, prefect
from tests.watched import dated_rows, write_log

NAME = "ship"
NOW = datetime.now(UTC)
TODAY = NOW.date()
PROJECT = """
name: ship
source: ship.csv
target: y
models: [tree]
budget: {trials: 2}
monitor: {time: when}
retrain: {cooldown: 0, minimum_labelled: 100}
"""
MONITORING = """
import sys
from flows.monitoring import monitoring
verdict = monitoring(sys.argv[1]).verdict
print(verdict.action, verdict.sentence)
"""
TRAINING = """
import sys
from flows.training import training
from tasks.retraining.trigger import REQUESTED, Trigger
print(training(sys.argv[1], trigger=Trigger.model_validate_json(sys.argv[2])))
"""


def asked(server: str, path: str, body: dict[str, Any]) -> Any:
    request = Request(f"{server}{path}", json.dumps(body).encode(), {"content-type": "application/json"})
    with urlopen(request, timeout=10) as answer:
        return json.load(answer)


def runs_of(server: str, deployment: str) -> list[dict[str, Any]]:
    return asked(server, "/flow_runs/filter", {"deployments": {"name": {"any_": [deployment]}}})


def waited(server: str, deployment: str) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 30
    while not (found := runs_of(server, deployment)):
        assert time.monotonic() < deadline, "the event started no run"
        time.sleep(0.2)
    return found


def drifting(keepfit: Keepfit, folder: Path) -> Path:
    """A trained project whose last three days have drifted, their outcomes known."""
    folder.mkdir()
    (folder / "project.yaml").write_text(PROJECT, encoding="utf-8")
    dated_rows(40, 40, TODAY - timedelta(days=50)).write_csv(folder / "ship.csv")
    done = keepfit("train", folder, "--json")
    assert done.code == 0, done.err
    assert 2 <= done.json["ageing"]["curve"]["cadence"] <= 8 and done.json["ageing"]["n_judged"] >= 100
    with store.opened(keepfit.home):
        known = roles.known(NAME)
        assert known is not None
        rows = dated_rows(3, 200, TODAY - timedelta(days=3), seed=1).with_columns(pl.col("x") + 15)
        ids = write_log(keepfit.home, NAME, known.champion, rows)
        outcomes.add(NAME, [Outcome(id=each, outcome=y) for each, y in zip(ids, rows["y"], strict=True)])
    return folder


@pytest.mark.slow
def test_drift_asks_once_for_a_training_that_runs_once(prefect_server: str, keepfit: Keepfit, tmp_path: Path) -> None:
    project = drifting(keepfit, tmp_path / NAME)
    plan = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
    example = plan["deployments"][0]
    example["triggers"][0]["match"]["prefect.resource.id"] = f"keepfit.project.{NAME}"
    plan["deployments"] = [example | {"name": NAME, "schedules": [], "parameters": {"project": str(project)}}]
    (tmp_path / "prefect.yaml").write_text(yaml.safe_dump(plan), encoding="utf-8")
    prefect(keepfit.home, "deploy", "--all", "--prefect-file", str(tmp_path / "prefect.yaml"))

    judged = keepfit(project, code=MONITORING)
    assert judged.code == 0, judged.err
    assert judged.out.splitlines()[-1].startswith("retrain Train anew. 3 of the last 3 days drifted")
    [run] = waited(prefect_server, NAME)
    trigger = run["parameters"]["trigger"]
    assert (
        trigger["kind"] == "data_drift" and trigger["verdict"]["columns"][0] and "days drifted" in trigger["evidence"]
    )

    waits = keepfit("status", project, "--json").json["asked"]
    assert waits["request"] == trigger["request"] and "no run has claimed it yet" in waits["words"]

    # The run that the worker would start, and one that comes of the same event once more.
    both = [keepfit.start(project, json.dumps(trigger), code=TRAINING) for _ in range(2)]
    told = [process.communicate(timeout=240) for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    assert sorted(out.splitlines()[-1] == "None" for out, _ in told) == [False, True]
    named = {each["name"] for each in asked(prefect_server, "/flow_runs/filter", {})}
    columns = trigger["verdict"]["columns"]
    assert f"{NAME} · drift in {columns[0]} and {len(columns) - 1} more" in named
    with store.opened(keepfit.home):
        assert requests.still_open(NAME) is None
        by_hand, by_drift = trainings.read(NAME, datetime.now(UTC))
        assert (by_hand.cause, by_drift.cause, by_drift.result) == ("manual", "data_drift", "promoted")
        assert sum(each.event is not None for each in verdicts.newest(NAME, 5)) == 1
    assert "Train anew. 3 of the last 3 days drifted" in (status := keepfit("status", project).out)
    assert "Ageing   " in status and " weeks" in status and "was asked for at" not in status


@pytest.mark.slow
def test_a_server_that_is_away_loses_no_request_and_two_senders_send_one(prefect_server: str, open_store: Path) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    boat = "boat"
    verdict = Verdict(action="retrain", cause="gain", sentence="Train anew.", columns=("x",))
    kept = verdicts.Kept(
        id=verdicts.keep(boat, NOW, "1", None, verdict), at=NOW, version="1", window=None, verdict=verdict
    )
    with (
        temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}),
        pytest.raises(Unavailable, match="did not take"),
    ):
        requesting.act(boat, kept)
    request = requests.still_open(boat)
    assert request is not None and request.sent is None
    assert (told := asked_for.shown(boat)) is not None and "its event is not with Prefect" in told.words
    requesting.act(boat, kept)
    assert (told := asked_for.shown(boat)) is not None and "no run has claimed it yet" in told.words
    requesting.act(boat, kept)
    assert events.send_forgotten(prefect_server, [boat, "another"]) == [], "it was sent a moment ago"
    sent = {"filter": {"event": {"name": [REQUESTED]}, "resource": {"id": [f"keepfit.project.{boat}"]}}}
    deadline = time.monotonic() + 20

    def arrived(n: int) -> list[dict[str, Any]]:
        while len(found := asked(prefect_server, "/events/filter", sent)["events"]) < n:
            assert time.monotonic() < deadline, "the event did not arrive"
            time.sleep(0.1)
        return [each["payload"]["trigger"] for each in found]

    told = Trigger.of(verdict, request.id).model_dump(mode="json")
    assert arrived(1) == [told]
    requests.not_sent(request)  # as after ten minutes: no run came of it
    assert events.send_forgotten(prefect_server, [boat]) == [boat]
    assert arrived(2) == [told, told]
    requests.not_sent(request)
    flow = asked(prefect_server, "/flows/", {"name": "training"})["id"]
    ahead = {"type": "SCHEDULED", "state_details": {"scheduled_time": (NOW + timedelta(days=2)).isoformat()}}
    asked(prefect_server, "/flow_runs/", {"flow_id": flow, "parameters": {"trigger": told}, "state": ahead})
    assert events.send_forgotten(prefect_server, [boat]) == [boat], "what a schedule will run in days is looked past"
    requests.not_sent(request)
    late = {"flow_id": flow, "parameters": {"trigger": told}, "state": {"type": "SCHEDULED"}}
    asked(prefect_server, "/flow_runs/", late)
    assert events.send_forgotten(prefect_server, [boat]) == [], "a run waits for a worker"
