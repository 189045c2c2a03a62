"""`keepfit monitor`: what broke, what drifted and how right the answers were, on a day or in a file."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from pydantic import BaseModel, ValidationError

from tasks.core import roles, store
from tasks.core.errors import UsageError
from tasks.core.model_records import Champion
from tasks.core.project_file import explained, project_file, project_name, read_yaml
from tasks.monitor import Watching, monitor, monitor_rows
from tasks.monitoring.section import Monitor
from tasks.monitoring.told import told
from tasks.report_windows import report_windows
from tasks.serving.section import Serve


class Sections(BaseModel):
    """What this command must know of a project.yaml; the source and its secrets are none of it."""

    monitor: Monitor = Monitor()
    serve: Serve = Serve()


def run(options: argparse.Namespace) -> int:
    """Judge what is not judged yet, and print the reports on the windows that were asked for, the newest last."""
    name, sections = project_name(options.project), _sections(options.project)
    page: Path | None = None
    with store.opened(store.home_of(project_file(options.project).parent)):
        champion = roles.serving(name).champion
        if options.input is not None:
            watching = _of_file(name, champion, sections, options.input)
        else:
            watching = _of_log(name, champion, sections, options.window, options.days or 1)
            days = [date.fromisoformat(each.window) for each in watching.windows]
            page = report_windows(name, champion, sections.monitor, sections.serve.log, days, options.explain)
    newest = watching.windows[-1]
    if options.json:
        model = {"name": name, "version": champion.version, "digest": champion.artifact.digest}
        windows = [window.model_dump(mode="json") for window in watching.windows]
        said = {"report": str(page) if page else None, **newest.model_dump(mode="json"), "windows": windows}
        print(json.dumps({"project": name, "model": model, **said}))
    else:
        print("\n\n".join(told(name, champion.version, window) for window in watching.windows))
        print(*([f"Report       {page}"] if page else []), sep="\n", end="\n" if page else "")
    return 0


def _of_log(name: str, champion: Champion, sections: Sections, window: date | None, days: int) -> Watching:
    today = datetime.now(UTC).date()
    if window is not None and window > today:
        raise UsageError(f"--window {window}", expected="a day that has begun", found=f"it is {today} (UTC)")
    last = window or today - timedelta(days=1)
    watching = monitor(name, champion, sections.monitor, sections.serve.log, last)
    return Watching(windows=watching.windows[-days:])


def _of_file(name: str, champion: Champion, sections: Sections, file: Path) -> Watching:
    import polars as pl

    from flows import scoring
    from tasks.scoring.scorer import Scorer

    card = Scorer.open(store.path(champion.artifact), champion.artifact.digest).card
    with scoring.rows_of(card, file) as frames:
        rows = pl.concat(frames, how="diagonal_relaxed")
    return monitor_rows(name, champion, sections.monitor, sections.serve.log, rows, str(file))


def _sections(folder: Path) -> Sections:
    file = project_file(folder)
    try:
        return Sections.model_validate(read_yaml(file))
    except ValidationError as exc:
        raise explained(exc, file, Sections) from exc
