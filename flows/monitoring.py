"""The monitoring flow: every whole day of the champion's live rows, judged once; for a schedule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from prefect import flow

from flows import runs
from tasks import monitor
from tasks.core import roles, tracking
from tasks.core.step import action
from tasks.monitor import Watching
from tasks.project import load_project

judge_windows = action(monitor.monitor)


@flow(name="monitoring", flow_run_name=runs.name_of_monitoring, validate_parameters=True, log_prints=False)
def monitoring(project: str, days: int | None = None) -> Watching:
    """Judge what is not judged yet of the project in the folder `project`; the reports on its last `days` (1)."""
    config = load_project(Path(project))
    with runs.monitoring(config):
        champion = roles.serving(config.name).champion
        yesterday = datetime.now(UTC).date() - timedelta(days=1)
        watching = judge_windows(config.name, champion, *config.watching, yesterday)
        tracking.log_batch(metrics=monitor.figures(watching.windows[-1]))
        return Watching(windows=watching.windows[-(days or 1) :])
