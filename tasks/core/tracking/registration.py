"""Registering a model: its file as MLflow's own tools load it, with signature and requirements."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tasks.core import store
from tasks.core.imports import ROOT
from tasks.core.model_records import ModelCard
from tasks.core.records import Blob
from tasks.core.tracking.connection import address, client
from tasks.core.tracking.runs import run_id

COLSPEC = {
    "number": "double",
    "integer": "long",
    "boolean": "boolean",
    "text": "string",
    "date": "datetime",
    "binary": "binary",
    "image": "binary",
    "sound": "binary",
}


def register(project: str, artifact: Blob, card: ModelCard) -> str:
    """Register the ONNX file, loadable by `mlflow.pyfunc`, with signature and requirements; returns the version."""
    import warnings

    import mlflow

    active = run_id()
    with warnings.catch_warnings(), _fluent(), mlflow.start_run(run_id=active):
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
        try:
            client().create_registered_model(project, description=f"Predicts {card.target.name}; kept fit by keepfit.")
        except mlflow.MlflowException as exc:
            if exc.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        tags = {"keepfit.digest": artifact.digest, "keepfit.size": str(artifact.size)}
        if card.corrects is not None:
            tags["keepfit.base"] = card.corrects.version
        version = client().create_model_version(project, info.model_uri, run_id=active, tags=tags).version
    client().update_run(active, status="RUNNING")  # `start_run` ended it, but the flow goes on
    return str(version)


@contextmanager
def _fluent() -> Iterator[None]:
    """MLflow's fluent functions speak to our server within; setting that also sets a variable of the environment."""
    import mlflow

    before = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(address())
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before or "")
        os.environ.pop("MLFLOW_TRACKING_URI", None)
        if before is not None:
            os.environ["MLFLOW_TRACKING_URI"] = before


def _signature(card: ModelCard) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema, TensorSpec

    inputs: list[ColSpec | TensorSpec] = [
        ColSpec(DataType[COLSPEC[column.type]], column.name, required=False) for column in card.inputs
    ]
    label = DataType.double if card.target.problem == "regression" else DataType.string
    outputs: list[ColSpec | TensorSpec] = [ColSpec(label, "prediction")]
    outputs += [ColSpec(DataType.double, f"probability_{name}") for name in card.target.classes]
    return ModelSignature(Schema(inputs), Schema(outputs))


def _requirements() -> list[str]:
    from importlib.metadata import version

    names = ("mlflow", "numpy", "onnxruntime", "pandas", "polars", "pyarrow", "pydantic")
    return [f"{name}=={version(name)}" for name in names]
