"""The report as one HTML page: it asks nothing of the network, and reads on a phone, in print and in the dark."""

from __future__ import annotations

from typing import Any

import polars as pl

from tasks.core import figures, store
from tasks.core.age_curve import Ageing
from tasks.core.appraisal import Appraisal
from tasks.core.metrics import measure
from tasks.core.model_records import Candidates, Comparison, Deployment, Evaluation, TrainedModel, Tuned
from tasks.core.noise import LabelAudit, Noise
from tasks.core.records import Blob, CheckedDataset, CheckedSplits
from tasks.modalities.treatments import cells
from tasks.reporting import doubtful, goodness, judged, learned, notes, small
from tasks.reporting.ageing import by_age
from tasks.reporting.profile import profile
from tasks.reporting.templates import template

MOST_ROWS_SHOWN = 10
MOST_CLASSES = 60
MOST_FEATURES = 300
MOST_NOTES = 50
MOST_IMPORTANCES = 30


def render(
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
) -> str:
    """The page. All text of the data is escaped, and no list is longer than a person reads."""
    target = splits.splits.target
    return template("page.html").render(
        source_name=source_name,
        checked=checked,
        splits=splits.splits,
        target=target,
        appraisal=appraisal,
        explained=goodness.explained(appraisal),
        apart=goodness.apart(appraisal),
        noise=noise,
        oddities=doubtful.oddities(noise),
        contradicting=doubtful.groups(noise),
        labels=labels,
        doubtful=doubtful.labels(labels, checked, splits.splits, model.importances),
        notes=notes.groups(splits.splits.notes),
        proven=notes.proven(splits),
        candidates=candidates,
        tuned=tuned,
        model=model,
        evaluation=evaluation,
        deployment=deployment,
        measure=measure,
        profile=profile(checked.dataset),
        suites=[checked.report, *splits.reports],
        quarantined=quarantined,
        split_rows=split_rows(splits),
        tried=tried(candidates, tuned),
        trials=learned.trials_chart(tuned),
        curves=learned.curves_charts(model),
        judged=judged.charts(pl.read_parquet(store.path(evaluation.predictions)), target),
        comparisons=[each for each in (evaluation.champion, evaluation.baseline) if each is not None],
        sentence=sentence,
        ageing=ageing,
        by_age=by_age(ageing.curve) if ageing.curve else None,
        importances=importances(model),
        slice_bounds=slice_bounds(evaluation),
        limits={"classes": MOST_CLASSES, "features": MOST_FEATURES, "notes": MOST_NOTES},
        small=small,
        treatment_cells=cells,
    )


def quarantined(blob: Blob | None) -> tuple[list[str], list[list[str]]]:
    """The first rows of a quarantine: their columns, the reason first, and their values as text."""
    if blob is None:
        return [], []
    rows = pl.scan_parquet(store.path(blob)).head(MOST_ROWS_SHOWN).collect()
    shown = [name for name in rows.columns if name == "reason"] + [name for name in rows.columns if name != "reason"]
    return shown[:12], [[_cell(value) for value in row] for row in rows.select(shown[:12]).iter_rows()]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = f"{len(value):,} bytes" if isinstance(value, bytes) else str(value)
    return text if len(text) <= 80 else text[:79] + "…"


def split_rows(splits: CheckedSplits) -> list[dict[str, Any]]:
    """For each split its rows, and of the target the share of each class, or mean and spread."""
    target = splits.splits.target
    found: list[dict[str, Any]] = []
    for name in ("train", "validation", "test"):
        data = getattr(splits.splits, name)
        values = store.scan(data).select(target.name).collect()[target.name]
        told = _spread(values) if target.problem == "regression" else _shares(values, target.classes)
        found.append({"name": name, "n_rows": data.n_rows, "told": told})
    return found


def _spread(values: pl.Series) -> str:
    low, middle, high = (float(values.quantile(each) or 0.0) for each in (0.05, 0.5, 0.95))
    return f"median {figures.figure(middle)}, nine in ten from {figures.figure(low)} to {figures.figure(high)}"


def _shares(values: pl.Series, classes: tuple[str, ...]) -> str:
    counted = dict(values.cast(pl.String).value_counts().iter_rows())
    shares = [f"{name}: {figures.percent(counted.get(name, 0) / max(len(values), 1))}" for name in classes[:8]]
    return ", ".join(shares) + (f" and {len(classes) - 8} more" if len(classes) > 8 else "")


def tried(candidates: Candidates, tuned: Tuned) -> list[dict[str, Any]]:
    """The families from the best to those never tried, each with its reason, score, time and weight in the model."""
    scores = {each.family: each for each in tuned.leaderboard}
    weights: dict[str, float] = {}
    for member in tuned.members:
        weights[member.family] = weights.get(member.family, 0.0) + member.weight
    order = {each.family: rank for rank, each in enumerate(tuned.leaderboard)}
    families = sorted(candidates.families, key=lambda each: (order.get(each.family, len(order)), not each.chosen))
    return [
        {"family": each, "score": scores.get(each.family), "weight": weights.get(each.family, 0.0)} for each in families
    ]


def importances(model: TrainedModel) -> list[tuple[str, float, Any]]:
    """The most important features: name, loss without it, and a bar."""
    ranked = sorted(model.importances, key=lambda each: -each.value)[:MOST_IMPORTANCES]
    values = [each.value for each in ranked] or [0.0]
    bounds = (min(values), max(values))
    return [
        (each.feature, each.value, small.bar(each.value, bounds, f"{each.feature}: {figures.figure(each.value)}"))
        for each in ranked
    ]


def slice_bounds(evaluation: Evaluation) -> tuple[float, float]:
    """The range that the slices' intervals are drawn in."""
    every = [bound for each in evaluation.slices for bound in (each.low, each.high)]
    return (min(every), max(every)) if every else (0.0, 1.0)


def sentence(comparison: Comparison) -> str:
    """What a comparison says, in words."""
    if comparison.low > 0:
        return "Better, and by more than chance in these rows can explain."
    if comparison.high < 0:
        return "Worse, and by more than chance in these rows can explain."
    if comparison.gain == 0:
        return "No difference."
    return f"{'Better' if comparison.gain > 0 else 'Worse'} in these rows, but it may be chance: the interval holds 0."
