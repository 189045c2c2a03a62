"""train: the members that tuning chose, fitted for good and written as the one ONNX file that serves."""

from __future__ import annotations

import os

from pydantic import Field

from tasks.core.model_records import Member, ModelCard, TrainedModel
from tasks.core.records import CheckedSplits, Claim, Record
from tasks.core.step import step

N_SAMPLES = 5


class Training(Record):
    """How the final fits are made."""

    seed: int = 0
    rules: tuple[Claim, ...] = ()
    """What a request must hold; those that speak of a column which the model does not ask for are left out."""
    threads: int = Field(default_factory=lambda: os.cpu_count() or 1, gt=0, description="fits at once")


@step
def train(
    members: tuple[Member, ...], splits: CheckedSplits, section: Training, metric: str, project: str
) -> TrainedModel:
    """The model of record, fitted on training and validation rows; by time on the test rows, too.

    A model that never sees the newest fifth of a stream is old when it begins. So what is judged on these rows is a
    proxy: the same members, fitted without them.

    Curves and importances are those of the same members fitted on the training rows alone: the validation rows,
    which they are measured on, are then rows that the model has not seen.
    """
    import numpy as np

    from tasks.core import store
    from tasks.exports.onnx import export
    from tasks.exports.parity import REAL_ROWS, strange_rows
    from tasks.learning import development, fitting, seen
    from tasks.learning.importances import importances
    from tasks.learning.parallel import heard, one_thread
    from tasks.models.family import answer
    from tasks.scoring.guard import asked_of

    data = development.load(splits.splits, most_rows=None)
    rows = np.arange(len(data.y))
    with heard(), one_thread():  # OpenMP's waiting threads made the importances of boosting ten times slower
        model, curves = fitting.watched(members, data, section.seed, section.threads)
        unseen = slice(data.n_train, None)
        worth = importances(
            lambda x: answer(model, x), data.x[unseen], data.y[unseen], data.features, metric, section.seed
        )
        final = fitting.blended(members, data, rows, section.seed, section.threads)
        card = ModelCard(
            project=project,
            target=splits.splits.target,
            metric=metric,
            inputs=splits.splits.inputs,
            features=splits.splits.features,
            members=members,
            data_digest=splits.splits.train.digest,
            split_rule=splits.splits.rule,
            sample=development.samples(splits.splits, N_SAMPLES),
            expectations=asked_of(section.rules, splits.splits.inputs),
        )
        card, proxy = card.model_copy(update=seen.of(splits.splits, ("train", "validation"))), None
        if splits.splits.time_column is not None:
            proxy = store.put(export(final, card), ".onnx")
            data = development.with_test(data, splits.splits)
            rows = np.arange(len(data.y))
            final = fitting.blended(members, data, rows, section.seed, section.threads)
            card = card.model_copy(update={**seen.of(splits.splits), "proxy": proxy})
        artifact = store.put(export(final, card), ".onnx")
        parity = strange_rows(data.x[:: max(1, len(rows) // REAL_ROWS)][:REAL_ROWS], data.features)
    return TrainedModel(
        artifact=artifact,
        digest=artifact.digest,
        parity=store.put_table(fitting.parity_table(final, parity)),
        curves=store.put_table(curves) if len(curves) else None,
        members=members,
        importances=worth,
        proxy=proxy,
    )
