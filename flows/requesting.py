"""What a verdict sets in motion: a training is asked for by an event, a version serves again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flows import promoting
from tasks.core import clock, promotion
from tasks.core.errors import Unavailable
from tasks.retraining import requests, verdicts
from tasks.retraining.requests import Request
from tasks.retraining.trigger import REQUESTED, Trigger
from tasks.retraining.verdict import Verdict
from tasks.retraining.verdicts import Kept


def act(project: str, kept: Kept) -> str:
    """Do what the verdict says, and say in a sentence what was done; "" where there is nothing to do."""
    verdict = kept.verdict
    if verdict.action == "retrain":
        request = requests.ask(project, verdict, kept.at)
        event = send(request)
        verdicts.asked(kept.id, request.id, event)
        return (
            f"Request {request.id} {'is sent' if event else 'was sent a moment ago' if request.sent else 'is claimed'}."
        )
    if verdict.action in ("incident", "healthy"):
        requests.withdraw(project, kept.at)
    if verdict.action == "rollback":
        return roll_back(project, kept.version, verdict)
    return ""


def send(request: Request) -> str | None:
    """Emit the event that asks for the training, and return its id; None when another has just done so.

    Unavailable when the server does not take it: the next look at the live rows sends it again.
    """
    if not requests.send_now(request, clock.now()):
        return None
    trigger = Trigger.of(request.verdict, request.id)
    try:
        return emit(request.project, REQUESTED, {"trigger": trigger.model_dump(mode="json")})
    except BaseException:
        requests.not_sent(request)
        raise


def emit(project: str, event: str, payload: Mapping[str, Any]) -> str:
    """The id of an event about the project that the Prefect server has taken; else Unavailable.

    Prefect's own `emit_event` leaves it to a thread, and nobody learns whether it arrived.
    """
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.events.schemas.events import Event, RelatedResource, Resource
    from prefect.runtime import flow_run

    run: Any = flow_run.id
    related = [{"prefect.resource.id": f"prefect.flow-run.{run}", "prefect.resource.role": "flow-run"}] if run else []
    made = Event(
        event=event,
        resource=Resource.model_validate(
            {"prefect.resource.id": f"keepfit.project.{project}", "prefect.resource.name": project}
        ),
        related=[RelatedResource.model_validate(each) for each in related],
        payload=dict(payload),
    )
    try:
        with get_client(sync_client=True) as client:
            client.request("POST", "/events", json=[made.model_dump(mode="json")]).raise_for_status()
    except httpx.HTTPError as exc:
        raise Unavailable(
            f"The Prefect server did not take the event {event} of {project}",
            found=str(exc) or type(exc).__name__,
            action="Start it; the next `monitoring` run sends it again",
        ) from exc
    return str(made.id)


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
