"""What MLflow is told of a run, and what its registry knows: the only module that speaks to MLflow.

The run is named in a ContextVar, since MLflow's own active run is lost in other threads. Outside of `run(...)`
logging does nothing, so steps can be called on their own.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, singledispatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.core import store
from tasks.core.errors import Unavailable
from tasks.core.imports import ROOT
from tasks.core.records import (
    Blob,
    Candidates,
    Champion,
    CheckedDataset,
    CheckedSplits,
    Dataset,
    Deployment,
    Evaluation,
    ModelCard,
    QualityReport,
    Report,
    Splits,
    TrainedModel,
    Tuned,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param

SAMPLE_ROWS = 100
METRICS_PER_BATCH = 1_000


@dataclass(frozen=True)
class Run:
    """The MLflow run that this context logs to."""

    project: str
    experiment_id: str
    run_id: str

    @property
    def url(self) -> str | None:
        """The run's page, when a tracking server serves one."""
        uri = address()
        if not uri.startswith(("http://", "https://")):
            return None
        return f"{uri.rstrip('/')}/#/experiments/{self.experiment_id}/runs/{self.run_id}"


_RUN: ContextVar[Run | None] = ContextVar("mlflow_run", default=None)


def address() -> str:
    """Where MLflow's records are: `MLFLOW_TRACKING_URI`, or the SQLite database of the home."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{store.home() / 'mlflow.db'}"


@cache
def _client(uri: str) -> MlflowClient:
    import logging

    import mlflow

    # Alembic and MLflow tell every migration and every registered version on stderr.
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    if uri.startswith("http"):
        # An unreachable server is told within seconds; MLflow's default is to try for minutes.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    try:
        mlflow.set_tracking_uri(uri)
        client = mlflow.MlflowClient(uri)
        client.search_experiments(max_results=1)
    except Exception as exc:
        raise Unavailable(
            f"MLflow at {_without_password(uri)} does not answer",
            found=str(exc).splitlines()[0][:200],
            action="Start it, or unset MLFLOW_TRACKING_URI to use the project's own database",
        ) from exc
    return client


def client() -> MlflowClient:
    """The client of this home's MLflow; `Unavailable` when it does not answer."""
    return _client(address())


@contextmanager
def run(project: str, name: str, parameters: dict[str, str], tags: dict[str, str]) -> Iterator[Run]:
    """An MLflow run that everything logged within goes to; it ends FINISHED, FAILED or KILLED as the body did."""
    mlflow_client = client()
    experiment = mlflow_client.get_experiment_by_name(project)
    if experiment is not None:
        experiment_id = experiment.experiment_id
    else:
        location = None if address().startswith("http") else (store.home() / "mlartifacts" / project).as_uri()
        experiment_id = mlflow_client.create_experiment(project, artifact_location=location)
    tags = {"mlflow.runName": name, "mlflow.source.name": "keepfit", "mlflow.source.type": "LOCAL", **tags}
    run_id = mlflow_client.create_run(experiment_id, tags=tags).info.run_id
    current = Run(project, experiment_id, run_id)
    token = _RUN.set(current)
    status = "FAILED"
    try:
        _log_batch(params=parameters)
        yield current
        status = "FINISHED"
    except KeyboardInterrupt:
        status = "KILLED"
        raise
    finally:
        _RUN.reset(token)
        mlflow_client.set_terminated(run_id, status)


def code_version(project: Path) -> dict[str, str]:
    """Which code and which libraries a run was made with: the git commit of the project and the lock's digest."""
    tags = {"keepfit.lock": _lock_digest()}
    try:
        git = ["git", "-C", str(project), "--no-optional-locks"]
        commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=True)
        changed = subprocess.run(
            [*git, "status", "--porcelain", "--untracked-files=no", "."], capture_output=True, timeout=5
        )
        tags["mlflow.source.git.commit"] = commit.stdout.strip()
        tags["keepfit.git.dirty"] = str(bool(changed.stdout.strip())).lower()
    except (OSError, subprocess.SubprocessError):
        pass  # no git, or not a checkout: there is no commit to tell
    return tags


@cache
def _lock_digest() -> str:
    lock = ROOT / "requirements.lock"
    if lock.is_file():
        return hashlib.sha256(lock.read_bytes()).hexdigest()
    from importlib.metadata import distributions

    installed = sorted(f"{found.name}=={found.version}" for found in distributions())
    return hashlib.sha256("\n".join(installed).encode()).hexdigest()


# What is logged of each record


@singledispatch
def log(record: object) -> None:
    """Tell the current MLflow run of a record; nothing happens outside of a run."""


@log.register
def _(record: Dataset) -> None:
    if _RUN.get() is None:
        return
    from mlflow.entities import Dataset as MlflowDataset
    from mlflow.entities import DatasetInput, InputTag

    schema = {"mlflow_colspec": [{"name": column.name, "type": _COLSPEC[column.type]} for column in record.columns]}
    data = MlflowDataset(
        name=record.name,
        digest=record.digest[:36],
        source_type="keepfit",
        source=json.dumps({"parts": [part.blob.digest for part in record.parts]}),
        schema=json.dumps(schema) if len(record.columns) <= 1_000 else None,
        profile=json.dumps({"num_rows": record.n_rows, "num_columns": len(record.columns)}),
    )
    client().log_inputs(_run_id(), [DatasetInput(data, [InputTag("mlflow.data.context", "training")])])
    _log_batch(params={"data.digest": record.digest, "data.n_rows": str(record.n_rows)})
    sample = store.scan(record).head(SAMPLE_ROWS).select(c.name for c in record.columns[:200] if c.type != "binary")
    _log_text(sample.collect().write_csv(), "data/sample.csv")


@log.register
def _(record: CheckedDataset) -> None:
    _log_quality(record.report)


@log.register
def _(record: CheckedSplits) -> None:
    for report in record.reports:
        _log_quality(report)


def _log_quality(report: QualityReport) -> None:
    _log_text(report.model_dump_json(indent=1), f"quality/{report.suite}.json")
    figures = {"evaluated": report.evaluated, "failed": len(report.failed), "quarantined_rows": report.n_quarantined}
    _log_batch(metrics={f"quality.{report.suite}.{name}": float(value) for name, value in figures.items()})


@log.register
def _(record: Splits) -> None:
    sizes = {f"{name}.n_rows": str(getattr(record, name).n_rows) for name in ("train", "validation", "test")}
    _log_batch(params={**sizes, "problem": record.target.problem, "n_features": str(len(record.features))})
    _log_text(record.model_dump_json(indent=1), "prepare/splits.json")


@log.register
def _(record: Candidates) -> None:
    _log_text(record.model_dump_json(indent=1), "select_model/candidates.json")
    _log_batch(params={"families": ", ".join(family.family for family in record.families if family.chosen)})


@log.register
def _(record: Tuned) -> None:
    if _RUN.get() is None:
        return
    import polars as pl

    trials = pl.read_parquet(store.path(record.trials))
    table = {"columns": trials.columns, "data": trials.rows()}
    # The layout that MLflow's own table view reads (`log_table`, which would import pandas and pass the rows twice).
    _log_text(json.dumps(table, default=str), "tune/trials.json")
    client().set_tag(_run_id(), "mlflow.loggedArtifacts", '[{"path": "tune/trials.json", "type": "table"}]')
    _log_batch(
        params={
            f"member.{number}": f"{member.weight:.3f} x {member.family} {member.params}"[:6000]
            for number, member in enumerate(record.members)
        }
        | {"n_trials": str(record.n_trials), "tuning.stopped_by": record.stopped_by},
        metrics={f"tuning.{record.metric}": record.score},
    )


@log.register
def _(record: TrainedModel) -> None:
    if _RUN.get() is None:
        return
    _log_batch(params={"model.digest": record.digest})
    _log_text(json.dumps({i.feature: i.value for i in record.importances}, indent=1), "train/importances.json")
    if record.curves is not None:
        import polars as pl

        _log_curves(pl.read_parquet(store.path(record.curves)))


def _log_curves(curves: Any) -> None:
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    points = [
        Metric(f"curve.{row['member']}.{row['set']}.{row['metric']}", row["value"], now, row["iteration"])
        for row in curves.iter_rows(named=True)
    ]
    for start in range(0, len(points), METRICS_PER_BATCH):
        client().log_batch(_run_id(), metrics=points[start : start + METRICS_PER_BATCH])


@log.register
def _(record: Evaluation) -> None:
    figures = {f"test.{metric.name}": metric.value for metric in record.metrics}
    for metric in record.metrics:
        figures |= {f"test.{metric.name}.low": metric.low, f"test.{metric.name}.high": metric.high}
    figures["gain.baseline"] = record.baseline.gain
    if record.champion is not None:
        figures["gain.champion"] = record.champion.gain
    _log_batch(metrics=figures)
    _log_text(record.model_dump_json(indent=1), "evaluate/evaluation.json")


@log.register
def _(record: Deployment) -> None:
    if _RUN.get() is None:
        return
    for name, value in {"accepted": str(record.accepted).lower(), "version": record.version}.items():
        client().set_tag(_run_id(), f"keepfit.{name}", value)
    _log_text("\n".join(record.reasons), "deploy/reasons.txt")


@log.register
def _(record: Report) -> None:
    if _RUN.get() is not None:
        _log_text(store.path(record.page).read_text(encoding="utf-8"), "report.html")


_COLSPEC = {
    "number": "double",
    "integer": "long",
    "boolean": "boolean",
    "text": "string",
    "date": "datetime",
    "binary": "binary",
}


def _run_id() -> str:
    current = _RUN.get()
    assert current is not None
    return current.run_id


def _log_text(text: str, name: str) -> None:
    if _RUN.get() is not None:
        client().log_text(_run_id(), text, name)


def _log_batch(params: dict[str, str] | None = None, metrics: dict[str, float] | None = None) -> None:
    """Parameters and metrics in one call: each single one would cost 20 ms."""
    if _RUN.get() is None:
        return
    from mlflow.entities import Metric, Param

    now = int(time.time() * 1000)
    entities: list[Metric] = [Metric(name, value, now, 0) for name, value in (metrics or {}).items()]
    named: list[Param] = [Param(name, value) for name, value in (params or {}).items()]
    client().log_batch(_run_id(), metrics=entities, params=named)


# The registry


def champion(project: str) -> Champion | None:
    """The model with the alias `champion`, its file at hand in the store; None when the project has none yet."""
    return _as_champion(_version_of_alias(project, "champion"))


def opponent(project: str, digest: str) -> Champion | None:
    """The model that the one with this digest must be compared with.

    That is the champion; or, when the model itself is the champion already, the one that it took over from, so
    that running again with nothing changed compares what was compared before.
    """
    version = _version_of_alias(project, "champion")
    if version is not None and version.tags.get("keepfit.digest") == digest:
        previous = version.tags.get("keepfit.previous")
        version = client().get_model_version(project, previous) if previous else None
    return _as_champion(version)


def version_of(project: str, digest: str) -> Any | None:
    """The registered version of the model with this digest; None when it was never registered."""
    found = client().search_model_versions(f"name = '{project}' and tag.`keepfit.digest` = '{digest}'")
    return found[0] if found else None


def register(project: str, artifact: Blob, card: ModelCard, tags: dict[str, str], description: str) -> str:
    """Register the ONNX file, loadable by `mlflow.pyfunc`, with signature and requirements; returns the version."""
    import warnings

    import mlflow

    run_id = _run_id()
    with warnings.catch_warnings(), mlflow.start_run(run_id=run_id):
        warnings.simplefilter("ignore")  # MLflow asks for type hints and examples that the signature makes needless
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        info = mlflow.pyfunc.log_model(
            name="model",
            python_model=str(ROOT / "tasks" / "exports" / "pyfunc.py"),
            artifacts={"model": str(store.path(artifact))},
            code_paths=[str(ROOT / "tasks")],
            signature=_signature(card),
            pip_requirements=_requirements(),
        )
    client().update_run(run_id, status="RUNNING")  # `start_run` ended it, but the flow goes on
    try:
        client().create_registered_model(project, description=f"Predicts {card.target.name}; kept fit by keepfit.")
    except mlflow.MlflowException as exc:
        if exc.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    version = client().create_model_version(
        project,
        info.model_uri,
        run_id=run_id,
        tags={"keepfit.digest": artifact.digest, "keepfit.size": str(artifact.size), **tags},
        description=description,
    )
    return str(version.version)


def describe(project: str, version: str, tags: dict[str, str], description: str) -> None:
    """Write the decision and its evidence on a registered version."""
    for name, value in tags.items():
        client().set_model_version_tag(project, version, name, value)
    client().update_model_version(project, version, description)


def set_alias(project: str, alias: str, version: str) -> None:
    """Point the alias at the version: for `champion`, the moment from which it serves."""
    client().set_registered_model_alias(project, alias, version)


def _version_of_alias(project: str, alias: str) -> Any | None:
    import mlflow

    try:
        return client().get_model_version_by_alias(project, alias)
    except mlflow.MlflowException as exc:
        if exc.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise Unavailable(f"The registry did not tell the {alias} of {project}", found=str(exc)[:200]) from exc


def _as_champion(version: Any | None) -> Champion | None:
    if version is None or "keepfit.digest" not in version.tags:
        return None
    artifact = Blob(digest=version.tags["keepfit.digest"], suffix=".onnx", size=int(version.tags["keepfit.size"]))
    if not store.path(artifact).exists():
        _fetch(version, artifact)
    return Champion(version=str(version.version), artifact=artifact)


def _fetch(version: Any, artifact: Blob) -> None:
    """Bring a registered model's file back into the store: another machine, or a store that was cleaned."""
    from mlflow.artifacts import download_artifacts

    folder = Path(download_artifacts(version.source))
    for file in folder.rglob("*.onnx"):
        if store.put(file.read_bytes(), ".onnx").digest == artifact.digest:
            return
    raise Unavailable(
        f"Version {version.version} of {version.name} in the registry",
        expected=f"a model file with digest {artifact.digest[:12]}",
        found="none",
        action="Train again",
    )


def _signature(card: ModelCard) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema, TensorSpec

    inputs: list[ColSpec | TensorSpec] = [
        ColSpec(DataType[_COLSPEC[column.type]], column.name, required=False) for column in card.inputs
    ]
    label = DataType.double if card.target.problem == "regression" else DataType.string
    outputs: list[ColSpec | TensorSpec] = [ColSpec(label, "prediction")]
    outputs += [ColSpec(DataType.double, f"probability_{name}") for name in card.target.classes]
    return ModelSignature(Schema(inputs), Schema(outputs))


def _requirements() -> list[str]:
    from importlib.metadata import version

    names = ("mlflow", "numpy", "onnxruntime", "pandas", "polars", "pyarrow", "pydantic")
    return [f"{name}=={version(name)}" for name in names]


def _without_password(uri: str) -> str:
    from urllib.parse import urlsplit, urlunsplit

    parts = urlsplit(uri)
    if parts.password is None:
        return uri
    return urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", ":***@")))
