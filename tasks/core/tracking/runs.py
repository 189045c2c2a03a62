"""The MLflow run that the steps log to.

The run is named in a ContextVar, since MLflow's own active run is lost in other threads. Outside of `run(...)`
logging does nothing, so steps can be called on their own.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from tasks.core import store
from tasks.core.tracking.connection import address, client, page

if TYPE_CHECKING:
    from mlflow.entities import Metric, Param


@dataclass(frozen=True)
class Run:
    """The MLflow run that this context logs to."""

    project: str
    experiment_id: str
    run_id: str

    @property
    def url(self) -> str | None:
        """The run's page, when a tracking server serves one."""
        return page(f"experiments/{self.experiment_id}/runs/{self.run_id}")


METRICS_PER_BATCH = 1_000
_NO_NAME = re.compile(r"[^/\w.\- :]")
"""What MLflow lets no metric's name hold."""

LONGEST_TAG = 5_000
"""Of MLflow's own."""
CURRENT: ContextVar[Run | None] = ContextVar("mlflow_run", default=None)


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
    token = CURRENT.set(current)
    status = "FAILED"
    try:
        log_batch(params=parameters)
        yield current
        status = "FINISHED"
    except BaseException as exc:
        # Ctrl-C and a termination are no failure of the run.
        status = "FAILED" if isinstance(exc, Exception) else "KILLED"
        raise
    finally:
        CURRENT.reset(token)
        mlflow_client.set_terminated(run_id, status)


def find_run(project: str, flow_run_id: str) -> Run:
    """The MLflow run that the flow run logged to."""
    experiment = client().get_experiment_by_name(project)
    assert experiment is not None
    tag = f"tags.`keepfit.flow_run` = '{flow_run_id}'"
    found = client().search_runs([experiment.experiment_id], filter_string=tag, max_results=1)
    return Run(project, experiment.experiment_id, found[0].info.run_id)


def run_id() -> str:
    current = CURRENT.get()
    assert current is not None
    return current.run_id


def log_text(text: str, name: str) -> None:
    if CURRENT.get() is not None:
        client().log_text(run_id(), text, name)


def log_batch(params: dict[str, str] | None = None, metrics: dict[str, float] | None = None) -> None:
    """Parameters and metrics in one call: each single one would cost 20 ms."""
    if CURRENT.get() is None:
        return
    from mlflow.entities import Metric, Param

    now = int(time.time() * 1000)
    entities: list[Metric] = [Metric(name, value, now, 0) for name, value in (metrics or {}).items()]
    named: list[Param] = [Param(name, value) for name, value in (params or {}).items()]
    client().log_batch(run_id(), metrics=entities, params=named)


def log_series(series: Sequence[tuple[datetime, Mapping[str, float]]]) -> None:
    """Metrics of several moments, the oldest first: each has its moment, and its place as its step."""
    if CURRENT.get() is None:
        return
    from mlflow.entities import Metric

    every = [
        Metric(_NO_NAME.sub("_", name), value, int(at.timestamp() * 1000), step)
        for step, (at, metrics) in enumerate(series)
        for name, value in metrics.items()
        if math.isfinite(value)
    ]
    for start in range(0, len(every), METRICS_PER_BATCH):
        client().log_batch(run_id(), metrics=every[start : start + METRICS_PER_BATCH])


def log_tags(tags: Mapping[str, str]) -> None:
    """Tags of the run, by which it is found."""
    if CURRENT.get() is None:
        return
    from mlflow.entities import RunTag

    client().log_batch(run_id(), tags=[RunTag(name, value[:LONGEST_TAG]) for name, value in tags.items()])
