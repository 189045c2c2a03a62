"""A correction of the champion as a model of its own: by the newest labelled rows, one ONNX file with a card."""

from __future__ import annotations

from datetime import datetime

from tasks.core import store
from tasks.core.errors import DataError
from tasks.core.model_records import Champion, Corrects, TrainedModel
from tasks.retraining.policy import Retrain


def correct(project: str, base: Champion, policy: Retrain, until: datetime) -> TrainedModel:
    """The trained model `base` with what the newest labelled rows before `until` add to it; the same of the same rows.

    DataError where there are too few.
    """
    import numpy as np
    import polars as pl

    from tasks.exports.parity import REAL_ROWS, strange_rows
    from tasks.retraining import correction, gain
    from tasks.retraining.measuring import FEWEST_BEFORE, PAST, labelled
    from tasks.scoring.scorer import Scorer

    file = store.path(base.artifact)
    scorer = Scorer.open(file, base.artifact.digest)
    rows, _ = labelled(project, scorer, until - PAST * policy.window, until)
    rows = gain.newest(rows.sort("__time__", maintain_order=True), "__time__", until, policy.window)
    if rows.height < FEWEST_BEFORE:
        raise DataError(
            f"The correction of version {base.version} of {project} cannot be made",
            expected=f"at least {FEWEST_BEFORE} rows with an outcome before {until:%Y-%m-%d}",
            found=f"{rows.height}",
            action="Tell more outcomes, or wait for them",
        )
    made = gain.correct(scorer, rows)
    told = Corrects(version=base.version, digest=scorer.digest, until=until.isoformat(), n_rows=rows.height)
    card = scorer.card.model_copy(update={"corrects": told})
    artifact = store.put(correction.exported(file.read_bytes(), card, made), ".onnx")
    real = gain.prepared(scorer, rows)[:: max(1, rows.height // REAL_ROWS)][:REAL_ROWS]
    asked = strange_rows(real, card.features)
    answers = made.answers(asked, scorer.ask(asked)).reshape(len(asked), -1)
    columns = {f"x{number}": column for number, column in enumerate(asked.T)}
    columns |= {f"y{number}": np.ascontiguousarray(column) for number, column in enumerate(answers.T)}
    return TrainedModel(
        artifact=artifact,
        digest=artifact.digest,
        parity=store.put_table(pl.DataFrame(columns)),
        curves=None,
        members=card.members,
        importances=(),
    )
