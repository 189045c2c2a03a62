"""`keepfit train`: the training flow, with its progress on the terminal and its outcome in words or as JSON."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any, TypeVar

from flows.commands.started import started
from flows.printed import in_json
from tasks.core import store
from tasks.core.records import Record
from tasks.retraining.trigger import MANUAL, Trigger

if TYPE_CHECKING:
    from flows.printed.training import DoneAlready, Train
    from tasks.core.step import Done

REFUSED = 3
R = TypeVar("R", bound=Record)


def run(options: argparse.Namespace) -> int:
    """Train the project; 0 when its model was accepted, 3 when a gate refused it."""
    outcome, told = trained(options, MANUAL, options.seconds, options.trials, options.recollect)
    print(in_json(outcome) if options.json else told)
    return 0 if outcome.accepted else REFUSED


def trained(
    options: argparse.Namespace,
    trigger: Trigger,
    seconds: float | None = None,
    trials: int | None = None,
    recollect: bool = False,
) -> tuple[Train | DoneAlready, str]:
    """What came of a training in this process: as `--json` prints it, and in words."""
    begun = time.monotonic()
    with started(options, "flows.training") as (server, display):
        from flows.printed.training import DoneAlready
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
            return DoneAlready(project=options.project.name, accepted=True, reasons=(done,)), done
        outcome = _outcome(history, str(state.state_details.flow_run_id), server.ui, time.monotonic() - begun)
    from flows.commands.summary import summary

    return outcome, summary(history, outcome)


def _outcome(history: list[Done], flow_run_id: str, prefect: str, seconds: float) -> Train:
    from flows.printed.ageing import ShownAgeing
    from flows.printed.parts import Model
    from flows.printed.training import ShownLabels, ShownNoise, TestMetrics, Train
    from tasks.core import tracking
    from tasks.core.age_curve import Ageing
    from tasks.core.model_records import Deployment, Evaluation
    from tasks.core.noise import LabelAudit, Noise

    deployment, evaluation = _newest(history, Deployment), _newest(history, Evaluation)
    labels, metrics = _newest(history, LabelAudit), evaluation.metrics
    run = tracking.find_run(deployment.project, flow_run_id)
    return Train(
        project=deployment.project,
        run_id=run.run_id,
        flow_run_id=flow_run_id,
        accepted=deployment.accepted,
        reasons=deployment.reasons,
        metrics=TestMetrics(
            test={metric.name: metric.value for metric in metrics},
            test_intervals={metric.name: (metric.low, metric.high) for metric in metrics},
        ),
        ageing=ShownAgeing.told(_newest(history, Ageing)),
        noise=ShownNoise.of(_newest(history, Noise)),
        labels=ShownLabels(
            n_judged=labels.n_judged,
            n_rows=labels.n_rows,
            text=labels.text,
            advice=labels.advice,
            rows=str(store.path(labels.rows)) if labels.rows else None,
        ),
        model=Model(name=deployment.project, version=deployment.version, digest=deployment.digest),
        champion=deployment.version if deployment.accepted and not deployment.waits else deployment.previous,
        waits=deployment.waits or None,
        seconds=round(seconds, 3),
        cached=tuple(done.name for done in history if done.remembered),
        steps={done.name: round(done.seconds, 3) for done in history},
        report=str(store.home() / "reports" / f"{deployment.project}.html"),
        mlflow=run.url or f"mlflow ui --backend-store-uri {tracking.shown_address()}",
        prefect=f"{prefect}/runs/flow-run/{flow_run_id}",
    )


def _newest(history: list[Done], kind: type[R]) -> R:
    """The record of that kind which a step returned last."""
    return next(done.record for done in reversed(history) if isinstance(done.record, kind))
