"""Runs that `keepfit up` asks of their deployments, so that they are seen in the Prefect UI like any other."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from flows.services import locks, rest
from flows.services.parts import WORKER
from tasks.core.errors import Unavailable

FIRST = {"trigger": {"kind": "manual", "evidence": "no champion yet"}}
UNDER_WAY = ["PENDING", "RUNNING", "CANCELLING"]
ATTEMPTS = 3


def begin(url: str, name: str, parameters: dict[str, Any], flow: str = "training") -> str:
    """The id of the deployment's run that is under way or asked for, else of a new one; `name` lacks the flow's."""
    filters = {"deployments": {"name": {"any_": [name]}}, "flows": {"name": {"any_": [flow]}}}
    found: list[dict[str, Any]] = rest.post(f"{url}/deployments/filter", filters)
    if not found:
        raise Unavailable(f"There is no deployment {flow}/{name}", action="See the log of `deploy`")
    states = {"type": {"any_": [*UNDER_WAY, "SCHEDULED"]}}
    runs = {"flow_runs": {"state": states}, "deployments": {"id": {"any_": [found[0]["id"]]}}}
    for run in rest.post(f"{url}/flow_runs/filter", runs):
        if run["state_type"] != "SCHEDULED" or not run["auto_scheduled"]:  # asked for, and no worker took it yet
            return str(run["id"])
    body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
    return str(rest.post(f"{url}/deployments/{found[0]['id']}/create_flow_run", body)["id"])


def state(url: str, flow_run: str) -> tuple[str, str]:
    """The run's state, like COMPLETED, and what it says."""
    found: list[dict[str, Any]] = rest.post(f"{url}/flow_runs/filter", {"flow_runs": {"id": {"any_": [flow_run]}}})
    said = found[0]["state"] if found else {"type": "CRASHED", "message": "it is gone"}
    return said["type"], said["message"] or ""


def retry_crashed(url: str, since: datetime) -> int:
    """Run again what crashed with its worker since then; a flow run that did so three times has another cause."""
    filters = {
        "state": {"type": {"any_": ["CRASHED"]}},
        "deployment_id": {"is_null_": False},
        "end_time": {"after_": since.isoformat()},
    }
    n_retried = 0
    for run in rest.post(f"{url}/flow_runs/filter", {"flow_runs": filters}):
        if run["run_count"] < ATTEMPTS:
            told = {"type": "SCHEDULED", "name": "AwaitingRetry", "message": "Its worker died, and is there again."}
            rest.post(f"{url}/flow_runs/{run['id']}/set_state", {"state": told, "force": True})
            n_retried += 1
    return n_retried


def bury(url: str, home: Path) -> int:
    """Let the runs end that died with a worker of ours: they would hold their deployment's one place for ever.

    Only where ours is the pool's only worker, and before it starts.
    """
    workers: list[dict[str, Any]] = rest.post(f"{url}/work_pools/keepfit/workers/filter", {})
    if any(each["status"] == "ONLINE" and each["name"] != WORKER for each in workers):
        return 0
    filters = {"state": {"type": {"any_": UNDER_WAY}}, "deployment_id": {"is_null_": False}}
    n_buried = 0
    for run in rest.post(f"{url}/flow_runs/filter", {"flow_runs": filters}):
        if not locks.is_held(home / "runs" / f"{run['id']}.json"):
            state = {"type": "CRASHED", "name": "Crashed", "message": "Its process ended with the last `keepfit up`."}
            rest.post(f"{url}/flow_runs/{run['id']}/set_state", {"state": state, "force": True})
            n_buried += 1
    return n_buried
