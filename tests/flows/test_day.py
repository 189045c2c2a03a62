"""A day of `keepfit up`, in which everything happens that may: rows drift, a feed breaks, parts are killed."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import polars as pl
import psutil
import pytest
import yaml

from flows import services
from flows.demonstrating import looks
from flows.demonstrating.caller import Caller
from flows.demonstrating.plan import DAY, NIGHT
from flows.demonstrating.rows import OFFSET
from flows.services import rest, standing
from tasks.core import clock, ledger, store, tracking
from tasks.core.predictions import reading
from tasks.monitoring import windows
from tasks.monitoring.window_report import WindowReport
from tasks.retraining import requests, trainings, verdicts
from tests.flows.conftest import KEEPFIT, living, require_published
from tests.watched import dated_rows

NAME = "ship"
PROJECT = """
name: ship
source: ship.csv
target: y
models: [linear]
budget: {trials: 2}
split: {by: time, column: when}
"""
DEPLOYED = {"name": NAME, "entrypoint": "flows.monitoring.monitoring", "parameters": {"project": NAME}}
HOURS, ROWS = 24, 200
NOON, THREE, FIVE = 12, 15, 17
GROWN = 40 * 2**20
"""Bytes that a process may grow by: a second model is loaded, and pools of memory fill."""


@contextmanager
def up(folder: Path, home: Path) -> Iterator[dict[str, Any]]:
    """What `keepfit up` says when everything answers; afterwards nothing of it is left. Its first port is taken."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        command = [*KEEPFIT, "up", str(folder), "--port", str(taken), "--json"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None and process.stderr is not None
            line = process.stdout.readline()
            assert line, process.stderr.read()
            require_published(("up", "--json"), line)
            told = json.loads(line)
            assert f":{taken}/" not in told["addresses"]["page"], "a port that is taken is stepped over"
            yield told
            process.terminate()
            assert process.wait(60) == 0
        finally:
            process.kill()
            process.communicate()
    assert living(home) == [] and standing.found(home) is None and services.state(home) is None
    for address in (told["addresses"][name] for name in ("page", "mlflow", "prefect")):
        assert not rest.answers(address, 1)


def memory(home: Path, told: dict[str, Any]) -> dict[str, int]:
    """Bytes in the memory of the supervisor and of the parts that nobody kills."""
    running = standing.found(home)
    assert running is not None
    pids = {"up": told["pid"], **{name: running.parts[name].pid for name in ("api", "mlflow")}}
    assert None not in pids.values()
    return {name: psutil.Process(pid).memory_info().rss for name, pid in pids.items()}


def wait(for_what: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not for_what():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.1)


def kill(home: Path, part: str) -> None:
    """Kill the part, and wait until it answers again."""

    def state() -> standing.PartState:
        running = standing.found(home)
        assert running is not None
        return running.parts[part]

    pid = state().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait(lambda: (state().restarts, state().state) == (1, "ready"))
    assert "SIGKILL" in (state().reason or "") or part == "prefect"


@contextmanager
def prefect_killed_with_the_event(home: Path) -> Iterator[None]:
    """Once its server has taken the event that the verdict of the block sends, and before a run can come of it."""

    def watch() -> None:
        wait(lambda: any(each.event for each in verdicts.newest(NAME)))
        kill(home, "prefect")

    with ThreadPoolExecutor(1) as pool:
        killed = pool.submit(copy_context().run, watch)
        yield
        killed.result()


def of_version(version: str) -> dict[date, WindowReport]:
    """The reports on the judged days of a version."""
    model = tracking.model(NAME, version)
    assert model is not None
    judged = windows.read(NAME, model.artifact.digest)
    return {day: WindowReport.model_validate_json(each.report) for day, each in judged.items()}


def asked(first: date) -> list[pl.DataFrame]:
    """The rows of each hour: from noon to three the larger half of `x` alone comes, at three it comes in hundredths."""
    rows = dated_rows(HOURS, 2 * ROWS, first, seed=1)
    since = (pl.col("when") - pl.col("when").dt.truncate("1d")).alias(OFFSET)
    hours: list[pl.DataFrame] = []
    for hour, of in enumerate(rows.with_columns(since).iter_slices(2 * ROWS)):
        drifts = NOON <= hour < THREE
        some = of.sort("x").tail(ROWS).sort("when") if drifts else of.gather_every(2)
        hours.append(some.with_columns(pl.col("x") * (100 if hour == THREE else 1)))
    return hours


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_day_in_which_everything_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real are the parts under the supervisor, requests, outcomes, verdicts, the event and its training, the kills.

    Simulated is the time: each of the 24 hours stands for a window, which is a day, of 200 rows. The clock by which
    answers, outcomes and verdicts are dated (KEEPFIT_CLOCK) is set forward hour by hour, and ends at the present.
    """
    folder, home = tmp_path / NAME, tmp_path / "home"
    folder.mkdir()
    first = datetime.now(UTC).date() - (HOURS + 1) * DAY
    dated_rows(60, 40, first - 63 * DAY).write_csv(folder / "ship.csv")
    (folder / "project.yaml").write_text(PROJECT, encoding="utf-8")
    (tmp_path / "prefect.yaml").write_text(yaml.safe_dump({"deployments": [DEPLOYED]}), encoding="utf-8")
    for name in [name for name in os.environ if name.startswith(("PREFECT_", "MLFLOW_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KEEPFIT_HOME", str(home))
    monkeypatch.setattr(clock, "_file", None)
    monkeypatch.setenv(clock.FILE, "")  # put back afterwards
    clock.play(tmp_path / "clock")
    days = [first + hour * DAY for hour in range(HOURS)]
    rows = asked(first)
    clock.set_to(datetime.combine(first - 3 * DAY, NIGHT, UTC))
    with up(folder, home) as told, store.opened(home):
        url, answers = told["addresses"]["prefect_api"], list[dict[str, Any]]()
        caller = Caller(told["addresses"]["page"].rstrip("/"), NAME)
        inputs = [each["name"] for each in rest.get(f"{caller.api}/v1/{NAME}/model")["card"]["inputs"]]

        def live(since: int, until: int) -> None:
            for hour in range(since, until):
                answers.extend(caller.live(days[hour], rows[hour].select(*inputs, "y", OFFSET), "y"))

        def look(hour: int) -> verdicts.Kept:
            clock.set_to(datetime.combine(days[hour - 1] + DAY, NIGHT, UTC))
            return looks.look(url, NAME, NAME, Event())[1]

        mlflow = told["addresses"]["mlflow"].partition("/#")[0]
        for path in (f"{mlflow}/api/2.0/mlflow/experiments/search?max_results=1", f"{caller.api}/v1/{NAME}/model"):
            foreign = Request(path, headers={"Host": "evil.example"})  # a page that has its own name point here
            with pytest.raises(HTTPError, match=r"403|421") as refused:
                urlopen(foreign, timeout=20)
            refused.value.close()
        live(0, NOON)
        before = memory(home, told)
        assert look(NOON).verdict.action == "healthy"
        live(NOON, THREE)
        with prefect_killed_with_the_event(home):
            asks = look(THREE)
        assert (asks.verdict.action, asks.verdict.cause) == ("retrain", "data_drift") and asks.request is not None
        request = requests.still_open(NAME)
        if lost := request is not None and request.flow_run is None:  # as good as always: with the server
            clock.set_to(clock.now() + requests.AGAIN + timedelta(seconds=1))
            again = looks.look(url, NAME, NAME, Event())[1]
            assert (again.verdict.action, again.request) == ("retrain", asks.request), "it is asked for once"
        looks.finish(url, looks.asked_for(url, asks.request, Event()), looks.TRAINING_SECONDS, Event())
        wait(lambda: caller.serving() == "2")
        live(THREE, THREE + 1)
        broken = look(THREE + 1).verdict
        assert broken.action == "incident" and "x is 100 times what it was" in broken.sentence
        live(THREE + 1, FIVE)
        kill(home, "worker")
        assert look(FIVE).verdict.action == "healthy"
        live(FIVE, HOURS)
        last = look(HOURS).verdict
        gain = re.search(r"would be ([\d.,]+) % (?:better|worse)", last.sentence)
        assert last.action == "healthy" and gain is not None
        assert float(gain[1].replace(",", "")) < 50, "what would be gained was measured with the broken feed's rows"
        grown = {name: after - before[name] for name, after in memory(home, told).items()}
        kill(home, "api")
        assert caller.serving() == "2", "it is there again, at its address"
        second = subprocess.run([*KEEPFIT, "up", str(folder)], capture_output=True, text=True)
        assert second.returncode == 0 and "up already" in second.stdout and told["addresses"]["page"] in second.stdout
        status = subprocess.run([*KEEPFIT, "status", str(folder)], capture_output=True, text=True, check=True).stdout

        assert reading.count(home, NAME) == len(answers) == len({each["id"] for each in answers}) == HOURS * ROWS
        reports = [*of_version("1").values(), *of_version("2").values()]
        assert "".join(each.state[0] for each in reports) == "h" * 12 + "ddd" + "i" + "h" * 8, "no false alarm"
        assert [(each.cause, each.result) for each in trainings.read(NAME, clock.now())] == [
            ("manual", "promoted"),
            ("data_drift", "promoted"),
        ]
        assert [each.decision for each in ledger.entries(NAME)] == ["champion", "champion"]
        assert [each.verdict.action for each in verdicts.newest(NAME, 9)] == [
            "healthy",
            "healthy",
            "incident",
            *["retrain"] * (1 + lost),
            "healthy",
        ]
    assert all(grown[name] < GROWN for name in ("up", "api", "mlflow")), grown
    lines = status.splitlines()
    assert len(lines) <= 10 and lines[0].startswith("ship: champion version 2 "), status
    assert "Healthy. Nothing drifts." in lines[1] and "data_drift: Train anew. 3 of the last 3 days drifted" in lines[2]
