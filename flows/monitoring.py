"""The monitoring flow: every whole day of the champion's live rows, judged once; for a schedule."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from prefect import flow

from flows import runs, shown_windows
from tasks import monitor
from tasks.core import roles
from tasks.core.step import action
from tasks.monitor import Watching
from tasks.project import load_project
from tasks.report_windows import report_windows

judge_windows = action(monitor.monitor)


@flow(name="monitoring", flow_run_name=runs.name_of_monitoring, validate_parameters=True, log_prints=False)
def monitoring(project: str, days: int | None = None) -> Watching:
    """Judge what is not judged yet of the project in the folder `project`; the reports on its last `days` (1)."""
    config = load_project(Path(project))
    with runs.monitoring(config) as run:
        champion = roles.serving(config.name).champion
        yesterday = datetime.now(UTC).date() - timedelta(days=1)
        judged = judge_windows(config.name, champion, *config.watching, yesterday).windows
        last = judged[-(days or 1) :]
        named = [date.fromisoformat(each.window) for each in last]
        page = report_windows(config.name, champion, *config.watching, named)
        shown_windows.show(config.name, champion.version, judged, page, run)
        return Watching(windows=last)
