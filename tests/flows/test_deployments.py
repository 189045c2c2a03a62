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

FLOW = """
from prefect import flow, task

@task
def add(number):
    return number + 1

@flow
def counting(number: int = 0):
    return add(add(number))
"""

DEPLOYMENTS = """
name: trial
pull:
- prefect.deployments.steps.set_working_directory: {directory: "{{ $PWD }}"}
deployments:
- name: nightly
  entrypoint: counting.py:counting
  work_pool: {name: trial}
  concurrency_limit: {limit: 1, collision_strategy: ENQUEUE}
  schedules: [{cron: "0 3 * * *", timezone: UTC, slug: nightly}]
- name: weekly
  entrypoint: counting.py:counting
  work_pool: {name: trial}
  schedules: [{cron: "0 4 * * 0", timezone: UTC, slug: weekly}]
"""


def prefect(folder: Path, *arguments: str) -> None:
    """Run the `prefect` command there, as a user would."""
    command = [str(Path(sys.executable).with_name("prefect")), "--no-prompt", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=os.environ | {"PWD": str(folder)}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


def flow_runs(url: str, state: str, deployment: str) -> list[dict[str, object]]:
    body = {"flow_runs": {"state": {"type": {"any_": [state]}}}, "deployments": {"name": {"any_": [deployment]}}}
    request = Request(f"{url}/flow_runs/filter", json.dumps(body).encode(), {"content-type": "application/json"})
    with urlopen(request, timeout=10) as answer:
        return json.load(answer)


@pytest.mark.slow
def test_deploying_makes_scheduled_runs_appear_and_a_worker_runs_one(prefect_server: str, tmp_path: Path) -> None:
    (tmp_path / "counting.py").write_text(FLOW)
    (tmp_path / "prefect.yaml").write_text(DEPLOYMENTS)
    prefect(tmp_path, "work-pool", "create", "trial", "--type", "process")
    prefect(tmp_path, "deploy", "--all")

    deadline = time.monotonic() + 60
    while not all(flow_runs(prefect_server, "SCHEDULED", name) for name in ("nightly", "weekly")):
        assert time.monotonic() < deadline, "the server's scheduler creates no runs"
        time.sleep(0.2)

    prefect(tmp_path, "deployment", "run", "counting/nightly", "--param", "number=40")
    prefect(tmp_path, "worker", "start", "--pool", "trial", "--run-once")

    [run] = flow_runs(prefect_server, "COMPLETED", "nightly")
    assert run["parameters"] == {"number": 40}
