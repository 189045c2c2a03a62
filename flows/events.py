"""The event that asks for a training: sent once, and again when the server that took it has forgotten it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from flows.services import rest
from tasks.core import clock
from tasks.retraining import requests
from tasks.retraining.requests import Request
from tasks.retraining.trigger import REQUESTED, Trigger

UNDER_WAY = ("SCHEDULED", "PENDING", "RUNNING", "PAUSED", "CANCELLING")
MOST_RUNS = 200
"""That the server tells of at once."""
SOON = timedelta(minutes=1)

Post = Callable[[list[dict[str, Any]]], None]
"""Hands events to a Prefect server; Unavailable when it does not take them."""


def send(request: Request, post: Post, flow_run: str = "") -> str | None:
    """Send the request's event and return its id; None when another has just done so, or when a run has claimed it.

    Unavailable when the server does not take it: it is sent again.
    """
    if not requests.send_now(request, clock.now()):
        return None
    trigger = Trigger.of(request.verdict, request.id)
    made = event(request.project, REQUESTED, {"trigger": trigger.model_dump(mode="json")}, flow_run)
    try:
        post([made])
    except BaseException:
        requests.not_sent(request)
        raise
    return str(made["id"])


def send_forgotten(url: str, projects: Collection[str]) -> list[str]:
    """Send what was asked for these projects to the server at `url` once more, and name those of which it was needed.

    A server that is killed forgets an event that it took a moment before; one that was away has not got it. What a run
    waits for, or was claimed, is not sent.
    """
    still = [each for project in projects if (each := requests.still_open(project)) and each.flow_run is None]
    if not still:
        return []
    # The schedules' runs of the coming days are scheduled, too, and would fill the answer.
    soon = {"before_": (datetime.now(UTC) + SOON).isoformat()}
    under_way = {"state": {"type": {"any_": UNDER_WAY}}, "expected_start_time": soon}
    runs = rest.post(f"{url}/flow_runs/filter", {"flow_runs": under_way, "limit": MOST_RUNS})
    known = {(run["parameters"].get("trigger") or {}).get("request") for run in runs}
    post: Post = lambda events: rest.post(f"{url}/events", events)  # noqa: E731
    return [each.project for each in still if each.id not in known and send(each, post)]


def event(project: str, name: str, payload: Mapping[str, Any], flow_run: str = "") -> dict[str, Any]:
    """An event about the project, as Prefect's API takes it; it is Prefect's, and goes by real time."""
    related = [{"prefect.resource.id": f"prefect.flow-run.{flow_run}", "prefect.resource.role": "flow-run"}]
    return {
        "id": str(uuid.uuid4()),
        "occurred": datetime.now(UTC).isoformat(),
        "event": name,
        "resource": {"prefect.resource.id": f"keepfit.project.{project}", "prefect.resource.name": project},
        "related": related if flow_run else [],
        "payload": dict(payload),
    }
