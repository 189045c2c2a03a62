"""A training that a verdict asked for and that is not done: how far it is, in a sentence."""

from __future__ import annotations

from flows.printed.status import Asked
from tasks.retraining import requests
from tasks.retraining.requests import MOST_ATTEMPTS, Request

MINUTE = "%Y-%m-%dT%H:%M"


def shown(project: str) -> Asked | None:
    """The project's open request and what it waits for; None when nothing is asked for."""
    request = requests.still_open(project)
    if request is None:
        return None
    return Asked(
        request=request.id,
        at=request.at,
        sent=request.sent,
        flow_run=request.flow_run,
        attempts=request.attempts,
        words=_words(request),
    )


def _words(request: Request) -> str:
    told = f"Training {request.id} was asked for at {request.at:{MINUTE}} UTC: "
    if request.flow_run is not None:
        return f"{told}a run has claimed it, attempt {request.attempts} of {MOST_ATTEMPTS}"
    died = f"; attempt {request.attempts} of {MOST_ATTEMPTS} died" if request.attempts else ""
    if request.sent is None:
        return f"{told}its event is not with Prefect; the next look or `keepfit up` sends it{died}"
    return f"{told}sent at {request.sent:{MINUTE}} UTC, no run has claimed it yet (is a worker running?){died}"
