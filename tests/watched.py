"""A small champion that is watched: dated rows, a model of them with a reference, and a real log of what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tasks.core import store
from tasks.core.model_records import Champion, Member, TrainedModel
from tasks.core.predictions.frames import arrow_frame
from tasks.core.predictions.layout import folder_of
from tasks.core.predictions.segment import Header, Segment
from tasks.core.records import CheckedSplits, Column
from tasks.monitoring.kept import ReferenceProfile, keep
from tasks.monitoring.section import Monitor
from tasks.reference import reference
from tasks.scoring.scorer import Scorer
from tasks.serving.section import Log
from tasks.train import Training, train
from tests.conftest import splits_of

PROJECT = "ship"
FIRST = date(2026, 1, 1)


def dated_rows(n_days: int, rows_a_day: int, first: date = FIRST, seed: int = 0) -> pl.DataFrame:
    """Rows of days: `x` and `kind` of which the answer `y` follows, and `when` they came."""
    rng = np.random.default_rng(seed)
    n_rows = n_days * rows_a_day
    x = rng.normal(50, 10, n_rows)
    kind = rng.choice(["a", "b", "c"], n_rows, p=[0.5, 0.3, 0.2])
    start = datetime.combine(first, time(), UTC)
    when = [start + timedelta(seconds=each * 86_400 / rows_a_day + 1) for each in range(n_rows)]
    y = np.where(x + rng.normal(0, 5, n_rows) > 50, "yes", "no")
    return pl.DataFrame({"x": x, "kind": kind, "when": pl.Series(when).dt.replace_time_zone(None), "y": y})


@dataclass(frozen=True)
class Trained:
    """A model with what its reference was made from."""

    splits: CheckedSplits
    model: TrainedModel
    profile: ReferenceProfile
    arguments: tuple[Any, ...]

    @property
    def champion(self) -> Champion:
        return Champion(version="1", artifact=self.model.artifact)


def trained(
    rows: pl.DataFrame, section: Monitor, log: Log | None = None, answered: float = 1.0, told_apart: bool = False
) -> Trained:
    """A tree of `x` and `kind`, and its reference; tuning answered the first of the rows.

    With `told_apart` it answered 0.25 or 0.75, which the model itself never does.
    """
    checked = splits_of(rows, "y")
    inputs = tuple(column for column in checked.splits.inputs if column.name != "when")
    features = tuple(feature for feature in checked.splits.features if feature.name != "when")
    checked = checked.model_copy(
        update={"splits": checked.splits.model_copy(update={"inputs": inputs, "features": features})}
    )
    member = Member(family="tree", params='{"max_depth": 3, "min_samples_leaf": 5}', weight=1.0, score=0.1)
    model = train.fn((member,), checked, Training(threads=1), "log_loss", PROJECT)
    splits = checked.splits
    scorer = Scorer.open(store.path(model.artifact), model.digest)

    def said(rows: pl.DataFrame, no: str, yes: str) -> pl.DataFrame:
        positive = scorer.predict(rows)["probability_yes"]
        positive = 0.25 + 0.5 * (rows["x"] > 50) if told_apart else positive
        return pl.DataFrame({"__row__": rows["__row__"], no: 1 - positive, yes: positive})

    learnt = pl.concat(store.scan(part).collect() for part in (splits.train, splits.validation))
    learnt = learnt.head(round(learnt.height * answered))
    given = (learnt["y"] == "yes").cast(pl.Float64).alias("given")
    answers = said(learnt, "p0", "p1").with_columns(given)
    test = store.scan(splits.test).collect()
    predictions = said(test, "p_no", "p_yes").with_columns(test["y"].alias("target"))
    arguments = (checked, store.put_table(answers), store.put_table(predictions), model.artifact, section, log or Log())
    profile = reference.fn(*arguments)
    keep(model.digest, profile)
    return Trained(checked, model, profile, arguments)


def write_log(home: Path, project: str, champion: Champion, rows: pl.DataFrame, prefix: str = "aaaa") -> list[str]:
    """Answer the rows and log them in the hour of `when`, as a server does; the ids of the answers."""
    scorer = Scorer.open(store.path(champion.artifact), champion.artifact.digest)
    columns = tuple(Column(name=each.name, type=each.type, n_missing=0) for each in scorer.card.inputs)
    header = Header(
        project=project,
        version=champion.version,
        digest=champion.artifact.digest,
        role="champion",
        columns=columns,
        classes=scorer.card.target.classes,
        problem=scorer.card.target.problem,
        prefix=prefix,
    )
    answered = scorer.predict(rows, missing_ok=True)
    said = pl.exclude("prediction") if scorer.card.target.classes else pl.col("prediction")
    outputs = answered.select(pl.concat_list(said).alias("__outputs__"))
    names = [column.name for column in columns if column.name in rows.columns]
    logged = rows.select(names).with_columns(answered["prediction"].alias("__prediction__"), outputs.to_series())
    segment = Segment.create(folder_of(home, project), header)
    hours = logged.with_columns(rows["when"].dt.truncate("1h").alias("hour")).partition_by(
        "hour", maintain_order=True, as_dict=True, include_key=False
    )
    ids: list[str] = []
    for (hour,), batch in hours.items():
        table = batch.to_arrow(compat_level=pl.CompatLevel.oldest()).combine_chunks()
        moment = int(hour.replace(tzinfo=UTC).timestamp() * 1e6)
        segment.append(arrow_frame(len(ids), moment, 250, table.to_batches()[0]))
        ids += [f"{prefix}-{number:x}" for number in range(len(ids), len(ids) + batch.height)]
    segment.close()
    return ids
