"""The page that tells a person the whole run: the decision first, then what it rests on."""

from __future__ import annotations

from tasks.core import store
from tasks.core.age_curve import Ageing
from tasks.core.appraisal import Appraisal
from tasks.core.model_records import Candidates, Deployment, Evaluation, Report, TrainedModel, Tuned
from tasks.core.noise import LabelAudit, Noise
from tasks.core.records import CheckedDataset, CheckedSplits
from tasks.core.step import step


@step
def report(
    checked: CheckedDataset,
    splits: CheckedSplits,
    appraisal: Appraisal,
    noise: Noise,
    labels: LabelAudit,
    candidates: Candidates,
    tuned: Tuned,
    model: TrainedModel,
    evaluation: Evaluation,
    ageing: Ageing,
    deployment: Deployment,
    source_name: str,
) -> Report:
    """One self-contained HTML file with plots and words; it loads nothing from anywhere."""
    from tasks.reporting.page import render

    page = render(
        checked, splits, appraisal, noise, labels, candidates, tuned, model, evaluation, ageing, deployment, source_name
    )
    return Report(page=store.put(page.encode(errors="replace"), ".html"))
