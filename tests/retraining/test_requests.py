"""A training that is asked for twice, done twice, or forgotten because the run that claimed it died."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows import runs
from tasks.core import database, step
from tasks.core.model_records import Deployment, Waits
from tasks.retraining import requests, trainings
from tasks.retraining.verdict import Verdict

VERDICT = Verdict(action="retrain", cause="gain", sentence="Train anew.")
NOW = datetime.now(UTC)


def test_of_many_who_ask_and_claim_at_once_one_does(database_url: str) -> None:
    assert database.identity()
    with ThreadPoolExecutor(6) as pool:
        asking = [pool.submit(copy_context().run, requests.ask, "ship", VERDICT, NOW) for _ in range(6)]
        [request] = {each.result().id: each.result() for each in asking}.values()
        sending = [pool.submit(copy_context().run, requests.send_now, request, NOW) for _ in range(6)]
        assert sum(each.result() for each in sending) == 1
        claiming = [
            pool.submit(copy_context().run, trainings.begin, "ship", f"run {number}", "gain", request.id)
            for number in range(6)
        ]
        assert sum(each.result() for each in claiming) == 1
    [training] = trainings.read("ship", NOW)
    assert training.result == "running"
    assert not requests.send_now(request, NOW + requests.AGAIN * 2), "what is claimed is not sent again"
    claimed = requests.still_open("ship")
    assert claimed is not None and claimed.flow_run is not None
    trainings.end(claimed.flow_run, "refused", "3")
    assert requests.still_open("ship") is None
    assert requests.ask("ship", VERDICT, NOW).id != request.id
    assert trainings.read("ship", NOW)[0].result == "refused"


def test_what_a_dead_run_claimed_is_open_again_but_not_for_ever(database_url: str) -> None:
    request = requests.ask("ship", VERDICT, NOW)
    for attempt in range(requests.MOST_ATTEMPTS):
        assert requests.send_now(request, NOW)
        assert trainings.begin("ship", f"run {attempt}", "gain", request.id)
        assert trainings.bury("ship") == [], "it lives"
        assert trainings.bury("ship", [f"run {attempt}"]) == [f"run {attempt}"]
        assert trainings.bury("ship", [f"run {attempt}"]) == []
    assert requests.still_open("ship") is None
    assert [each.result for each in trainings.read("ship", NOW)] == ["failed"] * requests.MOST_ATTEMPTS


def test_a_run_that_is_silent_has_failed_and_one_that_beats_has_not(database_url: str) -> None:
    assert trainings.begin("ship", "run", "manual", None)
    later = datetime.now(UTC) + trainings.SILENT + timedelta(seconds=1)
    assert (found := trainings.read("ship", later)[0]).result == "failed"
    assert found.seconds < 60, "what it trained counts, not how long it has been dead"
    assert trainings.read("ship", later - timedelta(seconds=60))[0].seconds > 60
    before = datetime.now(UTC)
    with trainings.alive("run", beat=timedelta(milliseconds=5)):
        while trainings.read("ship", before + trainings.SILENT)[0].result != "running":
            assert datetime.now(UTC) < before + timedelta(seconds=20)


def test_what_nobody_claimed_is_withdrawn_when_its_reason_is_gone(database_url: str) -> None:
    first = requests.ask("ship", VERDICT, NOW)
    requests.withdraw("ship", NOW)
    assert not trainings.begin("ship", "late", "gain", first.id) and trainings.read("ship", NOW) == ()
    second = requests.ask("ship", VERDICT, NOW)
    assert trainings.begin("ship", "in time", "gain", second.id)
    requests.withdraw("ship", NOW)
    assert requests.still_open("ship") is not None, "what runs is not withdrawn"


@pytest.mark.parametrize(
    ("accepted", "waits", "result"),
    [(True, "", "promoted"), (True, "shadow", "challenger"), (True, "by hand", "challenger"), (False, "", "refused")],
)
def test_a_run_is_remembered_by_what_came_of_its_model(
    open_store: Path, accepted: bool, waits: Waits, result: str
) -> None:
    assert trainings.begin("ship", "run", "gain", None)
    deployment = Deployment(
        project="ship", accepted=accepted, reasons=(), version="2", digest="d", previous="1", waits=waits
    )
    with runs.recorded("ship", "run"):
        told = step.history.get()
        assert told is not None
        told.append(step.Done(name="deploy", record=deployment, remembered=False, seconds=0.0))
    [training] = trainings.read("ship", datetime.now(UTC))
    assert training.result == result
