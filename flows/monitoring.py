"""The monitoring flow: every whole day of live rows, judged once, and what follows from it; for a schedule."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from prefect import flow
from prefect.logging import get_run_logger

from flows import correcting, requesting, runs, shown_windows
from flows.weighing import weigh
from tasks import decide, monitor
from tasks.core import clock, roles, tracking
from tasks.core.step import action
from tasks.monitor import Watching
from tasks.project import load_project
from tasks.report_windows import report_windows

judge_windows = action(monitor.monitor)
decide_now = action(decide.decide)


@flow(name="monitoring", flow_run_name=runs.name_of_monitoring, validate_parameters=True, log_prints=False)
def monitoring(project: str, days: int | None = None) -> Watching:
    """Judge what is not judged yet of the project in the folder `project`, and set in motion what follows from it.

    Returned are the reports on the last `days` (1), and the verdict; none where the champion was not asked yet.
    """
    config = load_project(Path(project))
    yesterday = clock.now().date() - timedelta(days=1)
    if not runs.was_asked(config, yesterday):
        shown_windows.name_run(f"{config.name} · not asked yet")
        get_run_logger().info("No row up to %s was answered by the champion: there is nothing to judge yet", yesterday)
        return Watching(windows=())
    with runs.monitoring(config) as run:
        serving = roles.serving(config.name).champion
        champion = serving.trained  # what a correction answers is watched as its base's answers
        judged = judge_windows(config.name, champion, *config.watching, yesterday).windows
        kept = weigh(config.name, serving, judged, config.retrain, config.serve.log, decide_now)
        last = judged[-(days or 1) :]
        named = [date.fromisoformat(each.window) for each in last]
        page = report_windows(config.name, champion, *config.watching, named, verdict=kept.verdict)
        shown_windows.show(config.name, champion.version, judged, page, run)
        tracking.log_tags(decide.tags(kept.verdict))
        get_run_logger().info("%s %s", kept.verdict.sentence, requesting.act(config.name, kept))
        terms = correcting.Terms(config.retrain, config.acceptance, config.serve.log, config.waits)
        if done := correcting.follow(config.name, terms, kept.verdict):
            get_run_logger().info(done)
        return Watching(windows=last, verdict=kept.verdict)
