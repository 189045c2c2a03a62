"""What a verdict sets in motion: a training is asked for by an event, a version serves again."""

from __future__ import annotations

from typing import Any

from flows import events, promoting
from tasks.core import promotion
from tasks.core.errors import Unavailable
from tasks.retraining import requests, verdicts
from tasks.retraining.verdict import Verdict
from tasks.retraining.verdicts import Kept


def act(project: str, kept: Kept) -> str:
    """Do what the verdict says, and say in a sentence what was done; "" where there is nothing to do."""
    verdict = kept.verdict
    if verdict.action == "retrain":
        request = requests.ask(project, verdict, kept.at)
        event = events.send(request, _posted, _this_run())
        verdicts.asked(kept.id, request.id, event)
        return (
            f"Request {request.id} {'is sent' if event else 'was sent a moment ago' if request.sent else 'is claimed'}."
        )
    if verdict.action in ("incident", "healthy"):
        requests.withdraw(project, kept.at)
    if verdict.action == "rollback":
        return roll_back(project, kept.version, verdict)
    return ""


def _posted(made: list[dict[str, Any]]) -> None:
    """Hand the events to the Prefect server of this run; else Unavailable.

    Prefect's own `emit_event` leaves it to a thread, and nobody learns whether it arrived.
    """
    import httpx
    from prefect.client.orchestration import get_client

    try:
        with get_client(sync_client=True) as client:
            client.request("POST", "/events", json=made).raise_for_status()
    except httpx.HTTPError as exc:
        raise Unavailable(
            f"The Prefect server did not take {', '.join(_named(each) for each in made)}",
            found=str(exc) or type(exc).__name__,
            action="Start it; the next `monitoring` run, or `keepfit up`, sends it again",
        ) from exc


def _named(event: dict[str, Any]) -> str:
    return f"the event {event['event']} of {event['resource']['prefect.resource.name']}"


def _this_run() -> str:
    from prefect.runtime import flow_run

    return str(flow_run.id or "")


def roll_back(project: str, version: str, verdict: Verdict) -> str:
    """Let the version before serve again, unless `version` does not serve any more."""
    target = promotion.earlier(project)
    if target is None:
        return "There is no version to roll back to."
    model, proof = promoting.proven(project, target.version, {})
    evidence = promoting.evidence(model, proof)
    evidence |= {"served_before": target.number, "verdict": verdict.model_dump(mode="json")}
    digest = model.artifact.digest
    entry = promotion.move(
        project, model.version, digest, "rollback", "monitoring", verdict.sentence, evidence, version
    )
    return f"Version {model.version} serves again, version {version} no longer (decision {entry.number})."
