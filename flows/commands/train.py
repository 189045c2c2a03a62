"""`keepfit train`: the training flow, with its progress on the terminal and its outcome in words or as JSON."""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING, Any

from flows.commands.started import started
from tasks.core import store
from tasks.retraining.trigger import MANUAL, Trigger

if TYPE_CHECKING:
    from tasks.core.step import Done

REFUSED = 3


def run(options: argparse.Namespace) -> int:
    """Train the project; 0 when its model was accepted, 3 when a gate refused it."""
    outcome, told = trained(options, MANUAL, options.seconds, options.trials, options.recollect)
    print(json.dumps(outcome) if options.json else told)
    return 0 if outcome["accepted"] else REFUSED


def trained(
    options: argparse.Namespace,
    trigger: Trigger,
    seconds: float | None = None,
    trials: int | None = None,
    recollect: bool = False,
) -> tuple[dict[str, Any], str]:
    """What came of a training in this process: as `--json` prints it, and in words."""
    begun = time.monotonic()
    with started(options, "flows.training") as (server, display):
        from flows.training import training
        from tasks.core import step

        history: list[Done] = []
        step.history.set(history)
        display.say(f"Prefect: {server.ui}")
        state: Any = training(
            str(options.project),
            seconds=seconds,
            trials=trials,
            trigger=trigger,
            recollect=recollect,
            return_state=True,
        )
        deployment = state.result(raise_on_failure=True)
        if deployment is None:
            done = f"Request {trigger.request} is done already, by another run."
            return {"project": options.project.name, "accepted": True, "reasons": [done]}, done
        outcome = _outcome(history, str(state.state_details.flow_run_id), server.ui, time.monotonic() - begun)
    from flows.commands.summary import summary

    return outcome, summary(history, outcome)


def _outcome(history: list[Done], flow_run_id: str, prefect: str, seconds: float) -> dict[str, Any]:
    """What `--json` prints: the names are an interface, so none is ever renamed."""
    from tasks.core import tracking
    from tasks.core.model_records import Deployment, Evaluation, TrainedModel
    from tasks.core.noise import LabelAudit, Noise

    records = {type(done.record): done.record for done in history}
    deployment, evaluation = records[Deployment], records[Evaluation]
    model, noise, labels = records[TrainedModel], records[Noise], records[LabelAudit]
    assert isinstance(deployment, Deployment) and isinstance(evaluation, Evaluation)
    assert isinstance(model, TrainedModel) and isinstance(labels, LabelAudit)
    run = tracking.find_run(deployment.project, flow_run_id)
    return {
        "project": deployment.project,
        "run_id": run.run_id,
        "flow_run_id": flow_run_id,
        "accepted": deployment.accepted,
        "reasons": list(deployment.reasons),
        "metrics": {
            "test": {metric.name: metric.value for metric in evaluation.metrics},
            "test_intervals": {metric.name: [metric.low, metric.high] for metric in evaluation.metrics},
        },
        "noise": noise.model_dump(mode="json", exclude={"rows", "groups"}),
        "labels": labels.model_dump(mode="json", exclude={"rows"})
        | {"rows": str(store.path(labels.rows)) if labels.rows else None},
        "model": {"name": deployment.project, "version": deployment.version, "digest": model.digest},
        "champion": deployment.version if deployment.accepted and not deployment.waits else deployment.previous,
        "waits": deployment.waits or None,
        "seconds": round(seconds, 3),
        "cached": [done.name for done in history if done.remembered],
        "steps": {done.name: round(done.seconds, 3) for done in history},
        "report": str(store.home() / "reports" / f"{deployment.project}.html"),
        "mlflow": run.url or f"mlflow ui --backend-store-uri {tracking.shown_address()}",
        "prefect": f"{prefect}/runs/flow-run/{flow_run_id}",
    }
