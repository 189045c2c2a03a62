"""Judged windows where people look: name and artifacts of the run in Prefect, figures over time and page in MLflow."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from prefect.artifacts import create_image_artifact, create_markdown_artifact, create_table_artifact
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run

from tasks.core import tracking
from tasks.monitoring.told import in_markdown, summary
from tasks.monitoring.window_report import WindowReport, figures, scores

MOST_ROWS = 100
"""Columns that the table in the Prefect UI has; the page has all."""


def show(project: str, version: str, windows: Sequence[WindowReport], page: Path, run: tracking.Run) -> None:
    """Tell Prefect and MLflow of the newest of these windows, and of what led there."""
    newest = windows[-1]
    _log(version, windows, page)
    name_run(f"{project} · {summary(newest)}")
    key = key_of(project)
    where = f"[The run in MLflow]({run.url})" if run.url else f"The run in MLflow is {run.run_id}"
    text = in_markdown(project, version, newest)
    create_markdown_artifact(
        f"{text}\n\n{where}; the page is its artifact `report.html`, and lies at `{page}`.",
        key=f"{key}-monitoring",
        description=f"{newest.window}: {summary(newest)}",
    )
    if newest.columns:
        table = [
            {"column": each.column, "drift": "drift" if each.drift else "", "score": each.score, "what": each.words}
            for each in newest.worst[:MOST_ROWS]
        ]
        create_table_artifact(table, key=f"{key}-columns", description=f"Columns of {newest.window}, the worst first")
    if picture := _picture(windows):
        create_image_artifact(
            picture, key=f"{key}-scores", description="The scores of the worst columns; 1 is the limit"
        )


def _log(version: str, windows: Sequence[WindowReport], page: Path) -> None:
    """Each window at its own day: the charts of every run show all that led to it."""
    newest = windows[-1]
    at = [datetime.combine(date.fromisoformat(each.window), datetime.min.time(), UTC) for each in windows]
    tracking.log_series([(when, figures(each) | scores(each)) for when, each in zip(at, windows, strict=True)])
    tracking.log_tags(
        {
            "mlflow.runName": f"{newest.window} · {summary(newest)}",
            "keepfit.window": newest.window,
            "keepfit.state": newest.state,
            "keepfit.version": version,
        }
    )
    tracking.log_text(page.read_text(encoding="utf-8"), "report.html")
    tracking.log_text(newest.model_dump_json(indent=1), "window.json")


def key_of(project: str) -> str:
    """What the keys of a project's artifacts begin with: Prefect takes small letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", project.lower()).strip("-") or "project"


def name_run(name: str) -> None:
    """Give the run its name by what came of it: before, nobody knows."""
    with get_client(sync_client=True) as client:
        client.set_flow_run_name(flow_run.id, name)


def _picture(windows: Sequence[WindowReport]) -> str | None:
    from tasks.reporting.window_series import picture

    drawn = picture(windows)
    return None if drawn is None else f"data:image/svg+xml;base64,{base64.b64encode(drawn.encode()).decode()}"
