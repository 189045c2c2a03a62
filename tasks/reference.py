"""What to expect of live rows: the profile of those that the model was made of, as it answers rows not seen before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tasks.core import store
from tasks.core.markdown import markdown
from tasks.core.records import BYTES, Blob, CheckedSplits, Column, Dataset, Splits
from tasks.core.step import step
from tasks.monitoring.alike import alike
from tasks.monitoring.kept import GIVEN, ReferenceProfile
from tasks.monitoring.section import Monitor, time_column
from tasks.serving.section import Log

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

    from tasks.monitoring.views import ViewPlan
    from tasks.scoring.scorer import Scorer

TIME = "__time__"
ROWS = 16_384
"""Rows at a time: views of images and sounds are made of their bytes."""
FACTS_ROWS = 100_000
"""Rows that incidents are told by, evenly out of all."""


@step
def reference(
    splits: CheckedSplits, answers: Blob | None, predictions: Blob, artifact: Blob, section: Monitor, log: Log
) -> ReferenceProfile:
    """What live rows of the model are compared with: training, validation and test rows.

    `answers` and `predictions` are those of tuning and evaluation: the model knows its training rows, and is surer
    of them than of any row to come. Rows without such an answer are left out.
    """
    import numpy as np

    from tasks.monitoring import watch
    from tasks.monitoring.cells import Kind
    from tasks.monitoring.checking import promise
    from tasks.monitoring.incidents import Facts
    from tasks.monitoring.least import least_detectable
    from tasks.monitoring.profile import to_bytes
    from tasks.monitoring.reference import Reference
    from tasks.scoring.scorer import Scorer
    from tasks.serving.logged import treatments

    scorer = Scorer.open(store.path(artifact), artifact.digest)
    masked, time = treatments(scorer.card, log), time_column(splits.splits, section.time)
    plan, answered = watch.plan(scorer.card, masked, time), _answered(scorer, answers, predictions)
    seen = _views(splits.splits, plan, answered, time)
    kinds: dict[str, Kind] = {column.name: column.kind for column in plan.columns}
    levels = [name for name, kind in kinds.items() if kind == "category"]
    profile = Reference.build(lambda: store.batches(seen, repeated=levels), kinds, TIME if time else None)
    plain = watch.plain(scorer.card, masked)
    facts = Facts.of(_plain(splits.splits, plain, answered, time), plain, TIME if time else None)
    rows_a_day = [float(day[0]) for day in profile.days.values()]  # a summary begins with its number of rows
    usual = float(np.median(rows_a_day)) if rows_a_day else float(seen.n_rows)
    return ReferenceProfile(
        profile=store.put(to_bytes(profile), ".reference"),
        facts=store.put(facts.model_dump_json().encode(), ".json"),
        views=seen,
        n_rows=seen.n_rows,
        n_days=len(profile.days),
        false_alarms=section.false_alarms,
        promise=promise(profile, section.false_alarms),
        least=least_detectable(profile, usual, section.false_alarms),
    )


def _answered(scorer: Scorer, answers: Blob | None, predictions: Blob) -> pl.DataFrame:
    """What the model answered to rows that it had not learnt from, as `Scorer.predict` does, and what really was.

    Beside its columns: `__row__`, and `__given__`, the value or the place of the class. Where the model itself answered
    the test rows, and no proxy of it, `answers` are made like these.
    """
    import polars as pl

    classes = scorer.card.target.classes
    named = [f"probability_{name}" for name in classes]
    given = ([f"p{place}" for place in range(len(classes))], [f"p_{name}" for name in classes])
    found: list[pl.DataFrame] = []
    for blob, names in zip((answers, predictions), given, strict=True):
        if blob is None:
            continue
        rows = pl.read_parquet(store.path(blob))
        places = {name: float(place) for place, name in enumerate(classes)}
        if "given" in rows.columns:
            truth = pl.col("given").cast(pl.Float64)
        elif classes:
            truth = pl.col("target").replace_strict(places, return_dtype=pl.Float64)
        else:
            truth = pl.col("target").cast(pl.Float64)
        rows = rows.with_columns(truth.alias(GIVEN))
        if classes:
            rows = rows.select(
                "__row__", GIVEN, *(pl.col(old).alias(new) for old, new in zip(names, named, strict=True))
            )
            labels = scorer.labels(rows.select(named).to_numpy())
            found.append(rows.with_columns(pl.Series("prediction", labels, dtype=pl.String)))
        else:
            said = "said" if "said" in rows.columns else "prediction"
            found.append(rows.select("__row__", GIVEN, pl.col(said).cast(pl.Float64).alias("prediction")))
    if scorer.card.proxy is None and len(found) == 2:
        ours, unseen = (each.select(named or "prediction").to_numpy() for each in found)
        said = pl.DataFrame(alike(ours, unseen), schema=named or ["prediction"])
        if classes:
            said = said.with_columns(pl.Series("prediction", scorer.labels(said.to_numpy()), dtype=pl.String))
        found[0] = found[0].with_columns(said)
    return pl.concat(found).unique("__row__", keep="first", maintain_order=True)


def _batches(splits: Splits, columns: list[str], answered: pl.DataFrame, time: str | None) -> Iterator[pl.DataFrame]:
    """The rows that have an answer, with it beside them, and when they came."""
    import polars as pl

    wanted = [*columns, *([time] if time and time not in columns else []), "__row__"]
    for part in (splits.train, splits.validation, splits.test):
        for batch in store.batches(part, wanted, ROWS):
            rows = pl.DataFrame(batch).join(answered, on="__row__", how="inner", maintain_order="left")
            yield rows.with_columns(pl.col(time).cast(pl.Datetime("us")).alias(TIME)) if time else rows


def _views(splits: Splits, plan: ViewPlan, answered: pl.DataFrame, time: str | None) -> Dataset:
    """The views of these rows, made once: the profile takes them twice, and images are slow to decode."""
    import pyarrow as pa

    kinds = {"number": pa.float64(), "category": pa.string()}
    fields = [pa.field(column.name, kinds[column.kind]) for column in plan.columns]
    schema = pa.schema(
        [*fields, pa.field(GIVEN, pa.float64()), *([pa.field(TIME, pa.timestamp("us"))] if time else [])]
    )
    names = [column.name for column in plan.card.inputs]

    def batches() -> Iterator[pa.RecordBatch]:
        for rows in _batches(splits, names, answered, time):
            found = plan.of(rows)
            found = found.with_columns(rows[GIVEN], *([rows[TIME]] if time else []))
            yield from found.to_arrow().cast(schema).to_batches()

    return store.dataset("reference", store.put_parts(batches(), schema), ())


def _plain(splits: Splits, inputs: list[Column], answered: pl.DataFrame, time: str | None) -> pl.DataFrame:
    """The raw inputs of evenly chosen rows; of images and sounds whether they are there, and which are equal."""
    import polars as pl

    names = [column.name for column in inputs]
    heavy = [pl.col(column.name) for column in inputs if column.type in BYTES]
    named = [pl.when(each.is_not_null()).then(each.hash().cast(pl.String)).name.keep() for each in heavy]
    stride = -(-answered.height // FACTS_ROWS)
    chosen = [*names, TIME] if time else names
    return pl.concat(
        rows.gather_every(stride).with_columns(named).select(chosen) for rows in _batches(splits, names, answered, time)
    )


@markdown.register
def _(record: ReferenceProfile) -> str:
    dated = f"{record.n_days:,} days" if record.n_days else "no dates"
    least = "\n".join(f"| {each.column} | {each.words} |" for each in record.least[:30])
    head = f"{record.n_rows:,} rows, {dated}. {record.promise}"
    return f"{head}\n\n| Column | The least shift that a window shows |\n|---|---|\n{least}"
