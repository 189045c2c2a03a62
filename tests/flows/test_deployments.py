"""What the locked versions must be able to do together: deploy, schedule, and run under a worker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
import yaml

from tests.flows.conftest import Keepfit

ROOT = Path(__file__).resolve().parents[2]


def prefect(home: Path, *arguments: str) -> None:
    """Run the `prefect` command in the checkout, as a user would."""
    command = [str(Path(sys.executable).with_name("prefect")), "--no-prompt", *arguments]
    environment = os.environ | {"PWD": str(ROOT), "KEEPFIT_HOME": str(home)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr


def flow_runs(url: str, state: str, deployment: str, flow: str = "training") -> list[dict[str, object]]:
    body = {
        "flow_runs": {"state": {"type": {"any_": [state]}}},
        "deployments": {"name": {"any_": [deployment]}},
        "flows": {"name": {"any_": [flow]}},
    }
    request = Request(f"{url}/flow_runs/filter", json.dumps(body).encode(), {"content-type": "application/json"})
    with urlopen(request, timeout=10) as answer:
        return json.load(answer)


@pytest.mark.slow
def test_deploying_schedules_the_examples_and_a_worker_trains_one(prefect_server: str, keepfit: Keepfit) -> None:
    prefect(keepfit.home, "deploy", "--all")

    deadline = time.monotonic() + 60
    while not all(flow_runs(prefect_server, "SCHEDULED", name) for name in ("titanic", "houses")):
        assert time.monotonic() < deadline, "the server's scheduler creates no runs"
        time.sleep(0.2)
    assert flow_runs(prefect_server, "SCHEDULED", "titanic")[0]["parameters"] == {
        "project": "data/titanic",
        "trigger": {"kind": "schedule"},
    }
    while not (watched := flow_runs(prefect_server, "SCHEDULED", "titanic", "monitoring")):
        assert time.monotonic() < deadline, "the monitoring of a project is not scheduled"
        time.sleep(0.2)
    assert watched[0]["parameters"] == {"project": "data/titanic"}
    assert str(watched[0]["expected_start_time"])[11:16] == "00:10", "a UTC day is judged soon after it is over"

    prefect(keepfit.home, "deployment", "run", "training/titanic", "--param", "trials=2")
    prefect(keepfit.home, "worker", "start", "--pool", "keepfit", "--run-once")

    [run] = flow_runs(prefect_server, "COMPLETED", "titanic")
    assert run["name"] == "titanic · schedule"
    status = keepfit("status", "data/titanic", "--json").json
    assert status["champion"]["version"] == "1" and status["decisions"][0]["cause"] == "schedule"


EXAMPLES = sorted(found.parent.name for found in (ROOT / "data").glob("*/project.yaml"))


@pytest.mark.parametrize("flow", ["monitoring", "scoring"])
@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_is_watched_and_scored_daily_and_by_one_run_at_a_time(name: str, flow: str) -> None:
    deployments = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
    [mine] = [each for each in deployments if each["name"] == name and flow in each["entrypoint"]]
    assert mine["parameters"] == {"project": f"data/{name}"} and mine["schedules"][0]["timezone"] == "UTC"
    assert mine["concurrency_limit"] == {"limit": 1, "collision_strategy": "CANCEL_NEW"}
