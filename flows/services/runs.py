"""Runs that are going on in a home, each a file that its process holds locked, so that a death is seen.

The next start sweeps: a file that nobody holds belongs to a dead process, whose run Prefect and MLflow still show
as running.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from flows.services import locks


@dataclass(frozen=True)
class Run:
    """One run of a flow: its id at Prefect and at MLflow, and the process that did it."""

    project: str
    flow_run_id: str
    mlflow_run_id: str | None
    pid: int


@contextmanager
def running(home: Path, project: str, flow_run_id: str, mlflow_run_id: str | None = None) -> Iterator[Run]:
    """Be known as running until the end of the block; dead when the process ends without reaching it."""
    run = Run(project, flow_run_id, mlflow_run_id, os.getpid())
    file = home / "runs" / f"{flow_run_id}.json"
    # Locked under another name first: a sweep must not see it unlocked.
    temporary = file.with_suffix(f".{os.getpid()}")
    descriptor = locks.take(temporary)
    assert descriptor is not None
    try:
        os.write(descriptor, json.dumps(asdict(run)).encode())
        temporary.replace(file)
        yield run
    finally:
        temporary.unlink(missing_ok=True)
        file.unlink(missing_ok=True)
        os.close(descriptor)


def sweep(home: Path) -> list[Run]:
    """End the runs of dead processes: Crashed in Prefect, KILLED in MLflow. Call when the server is ready."""
    swept: list[Run] = []
    for file in sorted((home / "runs").glob("*.json")):
        descriptor = locks.take(file)
        if descriptor is None:
            continue  # it is running
        try:
            run = Run(**json.loads(os.read(descriptor, 65536)))
            _crash(run.flow_run_id, file.stat().st_mtime)
            if run.mlflow_run_id:
                _kill(run.mlflow_run_id)
            swept.append(run)
        except (ValueError, TypeError):
            pass  # the disk was full when it was written
        finally:
            file.unlink(missing_ok=True)
            os.close(descriptor)
    return swept


def _crash(flow_run_id: str, seen_alive: float) -> None:
    from uuid import UUID

    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
    from prefect.exceptions import ObjectNotFound
    from prefect.states import Crashed

    state = Crashed(message="The process ended without saying so: it was killed, or the machine stopped.")
    with get_client(sync_client=True) as client, suppress(ObjectNotFound):  # a run of another server than this one
        flow_run = client.read_flow_run(UUID(flow_run_id))
        if flow_run.state is None or flow_run.state.is_final():
            return
        if flow_run.state.timestamp.timestamp() > seen_alive:
            return  # a worker runs it again, under the same id
        tasks = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run.id])))
        for task_run in tasks:
            if task_run.state is None or not task_run.state.is_final():
                client.set_task_run_state(task_run.id, state, force=True)
        client.set_flow_run_state(flow_run.id, state, force=True)


def _kill(mlflow_run_id: str) -> None:
    from tasks.core import tracking

    client = tracking.client()
    if client.get_run(mlflow_run_id).info.status == "RUNNING":
        client.set_terminated(mlflow_run_id, "KILLED")
