"""What is logged of each record: one function a record, found by its type."""

from __future__ import annotations

import json
import time
from functools import singledispatch
from typing import Any

from tasks.core import store
from tasks.core.age_curve import Ageing
from tasks.core.appraisal import Appraisal
from tasks.core.model_records import Candidates, Deployment, Evaluation, Report, TrainedModel, Tuned
from tasks.core.noise import LabelAudit, Noise
from tasks.core.records import BYTES, Blob, CheckedDataset, CheckedSplits, Dataset, QualityReport, Splits
from tasks.core.tracking.connection import client
from tasks.core.tracking.registration import COLSPEC
from tasks.core.tracking.runs import CURRENT, METRICS_PER_BATCH, log_batch, log_tags, log_text, run_id

SAMPLE_ROWS = 100


@singledispatch
def log(record: object) -> None:
    """Tell the current MLflow run of a record; nothing happens outside of a run."""


@log.register
def _(record: Dataset) -> None:
    if CURRENT.get() is None:
        return
    from mlflow.entities import Dataset as MlflowDataset
    from mlflow.entities import DatasetInput, InputTag

    schema = {"mlflow_colspec": [{"name": column.name, "type": COLSPEC[column.type]} for column in record.columns]}
    data = MlflowDataset(
        name=record.name,
        digest=record.digest[:36],
        source_type="keepfit",
        source=json.dumps({"parts": [part.blob.digest for part in record.parts]}),
        schema=json.dumps(schema) if len(record.columns) <= 1_000 else None,
        profile=json.dumps({"num_rows": record.n_rows, "num_columns": len(record.columns)}),
    )
    client().log_inputs(run_id(), [DatasetInput(data, [InputTag("mlflow.data.context", "training")])])
    log_batch(params={"data.digest": record.digest, "data.n_rows": str(record.n_rows)})
    sample = store.scan(record).head(SAMPLE_ROWS).select(c.name for c in record.columns[:200] if c.type not in BYTES)
    log_text(sample.collect().write_csv(), "data/sample.csv")


@log.register
def _(record: CheckedDataset) -> None:
    _log_quality(record.report)


@log.register
def _(record: CheckedSplits) -> None:
    for report in record.reports:
        _log_quality(report)


def _log_quality(report: QualityReport) -> None:
    log_text(report.model_dump_json(indent=1), f"quality/{report.suite}.json")
    figures = {"evaluated": report.evaluated, "failed": len(report.failed), "quarantined_rows": report.n_quarantined}
    log_batch(metrics={f"quality.{report.suite}.{name}": float(value) for name, value in figures.items()})


@log.register
def _(record: Splits) -> None:
    sizes = {f"{name}.n_rows": str(getattr(record, name).n_rows) for name in ("train", "validation", "test")}
    log_batch(params={**sizes, "problem": record.target.problem, "n_features": str(len(record.features))})
    log_text(record.model_dump_json(indent=1), "prepare/splits.json")


@log.register
def _(record: Appraisal) -> None:
    log_batch(metrics={f"data.{each.name}": each.value for each in record.criteria if each.value is not None})
    log_text(record.model_dump_json(indent=1), "appraise/appraisal.json")


@log.register
def _(record: Noise) -> None:
    log_text(record.model_dump_json(indent=1, exclude={"rows", "groups"}), "examine/noise.json")
    _log_rows(record.rows, "examine/rows.csv")
    _log_rows(record.groups, "examine/contradictions.csv")


@log.register
def _(record: LabelAudit) -> None:
    log_batch(metrics={"labels.doubtful": float(record.n_rows)})
    _log_rows(record.rows, "examine/labels.csv")


def _log_rows(rows: Blob | None, name: str) -> None:
    """A table of the store, but for what it holds of bytes."""
    if rows is None or CURRENT.get() is None:
        return
    import polars as pl

    table = pl.read_parquet(store.path(rows))
    log_text(table.drop(name for name, dtype in table.schema.items() if dtype == pl.Binary).write_csv(), name)


@log.register
def _(record: Candidates) -> None:
    log_text(record.model_dump_json(indent=1), "select_model/candidates.json")
    log_batch(params={"families": ", ".join(family.family for family in record.families if family.chosen)})


@log.register
def _(record: Tuned) -> None:
    if CURRENT.get() is None:
        return
    import polars as pl

    trials = pl.read_parquet(store.path(record.trials))
    table = {"columns": trials.columns, "data": trials.rows()}
    # The layout that MLflow's own table view reads (`log_table`, which would import pandas and pass the rows twice).
    log_text(json.dumps(table, default=str), "tune/trials.json")
    client().set_tag(run_id(), "mlflow.loggedArtifacts", '[{"path": "tune/trials.json", "type": "table"}]')
    log_batch(
        params={
            f"member.{number}": f"{member.weight:.3f} x {member.family} {member.params}"[:6000]
            for number, member in enumerate(record.members)
        }
        | {"n_trials": str(record.n_trials), "tuning.stopped_by": record.stopped_by},
        metrics={f"tuning.{record.metric}": record.score},
    )


@log.register
def _(record: TrainedModel) -> None:
    if CURRENT.get() is None:
        return
    log_batch(params={"model.digest": record.digest})
    log_text(json.dumps({i.feature: i.value for i in record.importances}, indent=1), "train/importances.json")
    if record.curves is not None:
        import polars as pl

        _log_curves(pl.read_parquet(store.path(record.curves)))


def _log_curves(curves: Any) -> None:
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    points = [
        Metric(f"curve.{row['member']}.{row['set']}", row["loss"], now, row["iteration"])
        for row in curves.iter_rows(named=True)
    ]
    for start in range(0, len(points), METRICS_PER_BATCH):
        client().log_batch(run_id(), metrics=points[start : start + METRICS_PER_BATCH])


@log.register
def _(record: Evaluation) -> None:
    figures = {f"test.{metric.name}": metric.value for metric in record.metrics}
    for metric in record.metrics:
        figures |= {f"test.{metric.name}.low": metric.low, f"test.{metric.name}.high": metric.high}
    figures["gain.baseline"] = record.baseline.gain
    if record.champion is not None:
        figures["gain.champion"] = record.champion.gain
    log_batch(metrics=figures)
    log_text(record.model_dump_json(indent=1), "evaluate/evaluation.json")


@log.register
def _(record: Ageing) -> None:
    log_tags({"keepfit.ageing": record.sentence})
    log_text(record.model_dump_json(indent=1), "age/ageing.json")
    if (curve := record.curve) is not None:
        log_batch(metrics={"ageing.per_window": curve.per_window, "ageing.cadence": curve.cadence})


@log.register
def _(record: Deployment) -> None:
    if CURRENT.get() is None:
        return
    for name, value in {"accepted": str(record.accepted).lower(), "version": record.version}.items():
        client().set_tag(run_id(), f"keepfit.{name}", value)
    log_text("\n".join(record.reasons), "deploy/reasons.txt")


@log.register
def _(record: Report) -> None:
    if CURRENT.get() is not None:
        log_text(store.path(record.page).read_text(encoding="utf-8"), "report.html")
