"""The training flow: the main path from the source to the champion, as one function that reads like its diagram."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from flows import runs
from tasks.age import age
from tasks.appraise import appraise
from tasks.check import check, check_splits
from tasks.collect import collect
from tasks.core import quarantined, tracking
from tasks.core.model_records import Deployment
from tasks.deploy import deploy
from tasks.evaluate import evaluate
from tasks.examine import audit_labels, examine
from tasks.monitoring import kept
from tasks.prepare import prepare
from tasks.project import load_project
from tasks.reference import reference
from tasks.report import report
from tasks.retraining import aged
from tasks.retraining.trigger import MANUAL, Trigger
from tasks.select_model import select_model
from tasks.train import train
from tasks.tune import tune
from tasks.verify import verify


@flow(name="training", flow_run_name=runs.name_of_training, validate_parameters=True, log_prints=False)
def training(
    project: str,
    seconds: float | None = None,
    trials: int | None = None,
    trigger: Trigger = MANUAL,
    recollect: bool = False,
) -> Deployment | None:
    """Train the project in the folder `project`; its champion moves only if every gate holds.

    `seconds` and `trials` bound the tuning instead of the project's budget; `recollect` reads the source from its
    beginning, also where only what is new would be read. None where another run did already what `trigger` asks for.
    """
    config = load_project(Path(project)).with_budget(seconds, trials)
    with runs.training(config, trigger) as run:
        if run is None:
            return None
        raw = check(collect(config.source, recollect, config.labelled), config.expectations.raw, config.checking)
        quarantined.keep(config.name, raw.report)
        splits = check_splits(prepare(raw, config.preparation), config.expectations.prepared)
        appraisal = appraise(raw, splits)
        noise = examine(raw, splits)
        candidates = select_model(splits, config.selection)
        tuned = tune(candidates, splits, config.tuning)
        labels = audit_labels(raw, splits, tuned.answers)
        model = train(tuned.members, splits, config.training, tuned.metric, config.name)
        verification = verify(model)
        champion = tracking.opponent(config.name, model.digest)
        evaluation = evaluate(model, splits, champion, config.evaluation)  # the test rows, for the first time
        kept.keep(
            model.digest, reference(splits, tuned.answers, evaluation.predictions, model.artifact, *config.watching)
        )
        ageing = age(tuned, splits, config.ageing, aged.before(config.name, champion, config.retrain))
        aged.keep(model.digest, ageing)
        deployment = deploy(
            config.name, model, verification, evaluation, config.acceptance, trigger, champion, config.waits
        )
        page = report(
            raw,
            splits,
            appraisal,
            noise,
            labels,
            candidates,
            tuned,
            model,
            evaluation,
            ageing,
            deployment,
            config.source.title,
        )
        runs.publish(config.name, page)
        return deployment
