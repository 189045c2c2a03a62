"""The pages on judged windows: one a day under `reports/monitoring/<project>` in the home, and `newest.html`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.core import imports, newest_window, store
from tasks.core.model_records import Champion
from tasks.monitoring.section import Monitor
from tasks.serving.section import Log

if TYPE_CHECKING:
    import polars as pl

    from tasks.monitoring.daily import Daily
    from tasks.monitoring.moved import Moved
    from tasks.monitoring.window_report import WindowReport
    from tasks.retraining.verdict import Verdict

NEWEST, INPUT = "newest.html", "input.html"
KEPT = 100
"""Pages of days; the oldest beyond are removed."""
STAMP = re.compile(rb'<meta name="keepfit" content="([0-9a-f]{64})(\+?)">')


def report_windows(
    project: str,
    champion: Champion,
    section: Monitor,
    log: Log,
    days: Iterable[date],
    explained: bool = False,
    verdict: Verdict | None = None,
) -> Path:
    """The page of the last of these days, as `newest.html`; each of them has one then, and none is made twice.

    What moved is explained where something drifted, or on request (`explained`); the last page has the `verdict`.
    """
    from tasks.monitoring import kept, windows
    from tasks.monitoring.profile import from_bytes
    from tasks.monitoring.window_report import WindowReport
    from tasks.reporting.window_page import Looked, render

    digest, target = champion.artifact.digest, newest_window.pages(store.home(), project)
    target.mkdir(parents=True, exist_ok=True)
    judged, wanted = windows.read(project, digest), sorted(days)
    reports = {day: WindowReport.model_validate_json(each.report) for day, each in judged.items()}
    reference = None
    for day in wanted:
        report, file = reports[day], target / f"{day}.html"
        explains = explained or report.drift
        now = verdict if day == wanted[-1] else None
        shown = [each.report for at, each in judged.items() if at <= day]
        stamp = _stamp(champion, [*shown, *([now.model_dump_json()] if now else [])])
        if not _is_made(file, stamp, explains):
            reference = reference or from_bytes(store.path(kept.known(digest).profile).read_bytes())
            blob = judged[day].daily
            evidence, moved = _rows(project, champion, section, log, day, report, explains)
            looked = Looked(
                project=project,
                version=champion.version,
                report=report,
                reference=reference,
                daily=windows.get(blob, day) if blob else None,
                history=[each for at, each in reports.items() if at <= day],
                evidence=evidence,
                moved=moved,
                verdict=now,
                pages=frozenset({*(each.stem for each in _pages(target)), *map(str, wanted)}),
                stamp=f"{stamp}{'+' if explains else ''}",
            )
            _write(file, render(looked).encode(errors="replace"))
    for old in _pages(target)[:-KEPT]:
        old.unlink(missing_ok=True)
    newest = target / f"{wanted[-1]}.html"
    _write(target / NEWEST, newest.read_bytes())
    return target / NEWEST


def report_rows(
    project: str,
    champion: Champion,
    section: Monitor,
    log: Log,
    report: WindowReport,
    rows: pl.DataFrame,
    daily: Daily | None,
    explained: bool = False,
) -> Path:
    """The page on rows of a file (`judge_rows`), as `input.html`: the one before it is gone."""
    from tasks.monitoring.moved import moved
    from tasks.monitoring.watched_model import WatchedModel
    from tasks.reporting.window_page import Looked, render

    watched = WatchedModel.open(project, champion, section, log)
    target = newest_window.pages(store.home(), project)
    target.mkdir(parents=True, exist_ok=True)
    looked = Looked(
        project=project,
        version=champion.version,
        report=report,
        reference=watched.reference,
        daily=daily,
        history=[report],
        evidence=_named(report, rows),
        moved=moved(watched, rows) if daily is not None and (explained or report.drift) else None,
    )
    _write(target / INPUT, render(looked).encode(errors="replace"))
    return target / INPUT


def _rows(
    project: str,
    champion: Champion,
    section: Monitor,
    log: Log,
    day: date,
    report: WindowReport,
    explains: bool,
) -> tuple[Mapping[str, Mapping[str, Any]], Moved | None]:
    """The rows that incidents name, and what told the window's rows: both only while the log has them."""
    from tasks.monitoring import logged_windows
    from tasks.monitoring.moved import moved
    from tasks.monitoring.watched_model import WatchedModel

    explains = explains and bool(report.columns)
    if not report.incident and not explains:
        return {}, None
    since = datetime.combine(day, time(), UTC)
    rows = logged_windows.day(project, champion.artifact.digest, since, since + timedelta(days=1)).rows
    evidence = _named(report, rows)
    return evidence, moved(WatchedModel.open(project, champion, section, log), rows) if explains else None


def _named(report: WindowReport, rows: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """The rows that the report's incidents name, as far as these are among the rows."""
    named = {name for each in (report.incident.evidence if report.incident else ()) for name in each.rows[:5]}
    if not named:
        return {}
    shown = [name for name in rows.columns if not name.startswith("__")]
    found = rows.filter(rows["__id__"].is_in(list(named))).rows(named=True)
    return {row["__id__"]: {name: row[name] for name in shown} for row in found}


def _stamp(champion: Champion, reports: list[str]) -> str:
    """What stands for all that a page shows, and for the code that draws it."""
    parts = [champion.version, imports.closure_digest(__name__, frozenset()), *reports]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _is_made(file: Path, stamp: str, explains: bool) -> bool:
    try:
        with file.open("rb") as opened:
            found = STAMP.search(opened.read(1_000))
    except FileNotFoundError:
        return False
    return found is not None and found[1].decode() == stamp and (found[2] == b"+" or not explains)


def _pages(target: Path) -> list[Path]:
    return sorted(each for each in target.glob("*.html") if each.name not in (NEWEST, INPUT))


def _write(file: Path, content: bytes) -> None:
    store.write_file(file, content)
    file.chmod(0o644)  # made to be shown to others
