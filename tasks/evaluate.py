"""The last judgement: the model's ONNX file is asked about the test rows, which no step saw before."""

from __future__ import annotations

from tasks.core import store
from tasks.core.model_records import Champion, Evaluation, TrainedModel
from tasks.core.records import CheckedSplits, Record
from tasks.core.step import step

SLICED_FEATURES = 100
"""Slices are looked for in the most important features only: the more slices, the wider each interval."""


class EvaluationSection(Record):
    """How a model is judged. Without a `metric` the one that decided in tuning decides here too."""

    metric: str | None = None
    seed: int = 0
    n_slices: int = 20


@step
def evaluate(
    model: TrainedModel, splits: CheckedSplits, champion: Champion | None, section: EvaluationSection
) -> Evaluation:
    """The model's figures on the test rows with intervals, by class and by slice, against baseline and champion."""
    from tasks.core.metrics import intervals
    from tasks.core.slices import worst_slices
    from tasks.scoring import judging, opponents
    from tasks.scoring.scorer import Scorer

    judged = model.proxy or model.artifact
    scorer = Scorer.open(store.path(judged), judged.digest)
    card = scorer.card
    sliced = judging.most_important(model.importances, card.features, SLICED_FEATURES)
    test = judging.answered(splits.splits, scorer, sliced)
    metric = section.metric or card.metric
    names = judging.metrics_of(card.target.problem, metric)
    figures, left_out = intervals(names, test.y, test.predicted, section.seed, card.threshold)
    baseline = judging.against_baseline(metric, test, splits.splits, section.seed, card.threshold)
    against, incomparable = opponents.against_champion(metric, test, splits.splits, champion, section.seed, card)
    record = opponents.of_record(metric, test, splits.splits, champion, section.seed, model) if against else None
    slices, n_slices = worst_slices(
        metric,
        test.y,
        test.predicted,
        test.matrix,
        [card.features[index] for index in sliced],
        seed=section.seed,
        threshold=card.threshold,
        n_kept=section.n_slices,
    )
    confusion = judging.confusion(test, card)
    return Evaluation(
        metric=metric,
        n_rows=len(test.y),
        metrics=figures,
        classes=judging.per_class(confusion, card.target.classes),
        confusion=confusion,
        slices=slices,
        n_slices=n_slices,
        baseline=baseline,
        champion=against,
        record=record,
        incomparable=incomparable,
        notes=left_out,
        predictions=judging.predictions(test, card),
    )
