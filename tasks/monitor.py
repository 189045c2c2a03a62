"""Judge windows of live rows: what broke first, then what drifted, then how right the answers were."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import TYPE_CHECKING

from tasks.core import clock, newest_window
from tasks.core.errors import Unavailable
from tasks.core.model_records import Champion
from tasks.core.records import Record
from tasks.monitoring.logged_windows import Held
from tasks.monitoring.section import Monitor
from tasks.monitoring.window_report import Broken, WindowReport, drifted, empty
from tasks.retraining.verdict import Verdict
from tasks.serving.section import Log

if TYPE_CHECKING:
    import polars as pl

    from tasks.monitoring.daily import Daily
    from tasks.monitoring.estimation import Checked
    from tasks.monitoring.incident_records import Incident
    from tasks.monitoring.incident_timing_facts import Arrivals
    from tasks.monitoring.watched_model import WatchedModel
    from tasks.monitoring.windows import Judged

LOOKED_BACK = timedelta(days=90)
"""How far back windows are caught up; older ones are judged already, or their rows are gone."""
RHYTHM = timedelta(days=56)
"""Of earlier rows that say when rows come."""


MOST_SCORES = 50
"""Columns whose scores are charted."""


class Watching(Record):
    """The reports on windows, the oldest first, and what is to be done by them and all that is known else."""

    windows: tuple[WindowReport, ...]
    verdict: Verdict | None = None


def monitor(project: str, champion: Champion, section: Monitor, log: Log, last: date) -> Watching:
    """The reports on all days of the champion up to `last`; Unavailable when it answered nothing by then.

    A day is judged once. One whose rows or outcomes changed is judged anew, and so are the days after it, for a day
    is judged beside those before. In order: what missed its turn is caught up.
    """
    from tasks.monitoring import logged_windows, windows
    from tasks.monitoring.incident_timing_facts import Arrivals
    from tasks.monitoring.newest import newest
    from tasks.monitoring.watched_model import WatchedModel

    digest, end, now = champion.artifact.digest, _start(last + timedelta(days=1)), clock.now()
    held = logged_windows.held(project, digest, end - LOOKED_BACK, end)
    judged = {day: window for day, window in windows.read(project, digest).items() if day <= last}
    if not held and not judged:
        raise Unavailable(
            f"There is nothing to judge of {project} up to {last}",
            expected=f"rows that version {champion.version} answered",
            found="none in the prediction log",
            action="Let `keepfit serve` answer some; a day is judged when it is over (--window judges one before)",
        )
    watched = WatchedModel.open(project, champion, section, log)
    history: list[Daily] = []
    reports: list[WindowReport] = []
    days = list(_days({*held, *judged}, last))
    due = [day for day in days if _is_news(held.get(day, Held()), judged.get(day))]
    came = logged_windows.arrivals(project, _start(due[0] - RHYTHM), end) if due else Arrivals()
    for day in days:
        before, found = judged.get(day), held.get(day, Held())
        if before is None or day in due:
            past = [each.performance.checked for each in reports if each.performance and each.performance.checked]
            report, daily = _measured(project, watched, day, came, past)
            blob = windows.put(daily) if daily else None
        else:
            report, blob = WindowReport.model_validate_json(before.report), before.daily
            daily = windows.get(blob, day) if blob else None
        history += [daily] if daily else []
        if due and day >= due[0]:
            report = drifted(report, watched.judged(history)) if daily else _counted(report, reports)
            window = windows.Judged(
                start=_start(day),
                end=min(_start(day + timedelta(days=1)), now),
                n_rows=found.n_rows if before is None else max(found.n_rows, before.n_rows),
                outcomes=found.outcomes,
                daily=blob,
                report=report.model_dump_json(),
            )
            windows.write(project, digest, window)
        reports.append(report)
    newest_window.keep(project, newest(champion, reports, min(end, now)))
    return Watching(windows=tuple(reports))


@dataclass(frozen=True)
class FileWindow:
    """Rows that were never asked as one window by itself: the report, rows that its page may name, and statistics."""

    report: WindowReport
    rows: pl.DataFrame
    daily: Daily | None


def monitor_rows(
    project: str,
    champion: Champion,
    section: Monitor,
    log: Log,
    frames: Callable[[], Iterator[pl.DataFrame]],
    name: str,
) -> FileWindow:
    """Judge the rows of these frames, which are asked for twice where they are too many for memory; nothing is kept."""
    from tasks.monitoring.spread import Spread
    from tasks.monitoring.watched_model import WatchedModel

    watched = WatchedModel.open(project, champion, section, log)
    spread, now = Spread(), clock.now()
    for rows in _numbered(frames()):
        spread.add(rows)
    rows = spread.rows()
    report = empty(name, spread.n_rows, watched.promise)
    incidents = watched.incidents(rows) if rows.width else ()
    if incidents or not spread.n_rows:
        return FileWindow(_with(report, incidents), rows, None)
    asked = partial(_answered, watched, section.time, now)
    rows = asked(rows)
    daily = watched.measured([rows] if spread.is_whole else map(asked, _numbered(frames())), None)
    return FileWindow(drifted(report, watched.judged([daily])), rows, daily)


def _numbered(frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The rows with their number in the file, the first being 1, in the place of a prediction's id."""
    import polars as pl

    first = 1
    for rows in frames:
        ids = pl.int_range(first, first + rows.height, eager=True).cast(pl.String).alias("__id__")
        yield rows.with_columns(ids)
        first += rows.height


def _answered(watched: WatchedModel, time: str | None, now: datetime, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with what the model says to them, as if they were asked when they came."""
    import polars as pl

    answers = watched.scorer.predict(rows, missing_ok=True)
    moment, dated = pl.Datetime("us", "UTC"), {name for name, kind in rows.schema.items() if kind.is_temporal()}
    came = pl.col(time).cast(moment) if time in dated else pl.lit(now, moment)
    return rows.drop(answers.columns, strict=False).hstack(answers).with_columns(came.alias("__time__"))


def _days(known: set[date], last: date) -> Iterator[date]:
    """Every day from the first that is known to the last: one without rows may be an incident."""
    day = min(known)
    while day <= last:
        yield day
        day += timedelta(days=1)


def _counted(report: WindowReport, before: Sequence[WindowReport]) -> WindowReport:
    """The report on a day that was not judged for drift, with the alarms up to then."""
    if not before:
        return report
    alarms = {"alarms_promised": before[-1].alarms_promised, "alarms_spent": before[-1].alarms_spent}
    return report.model_copy(update=alarms)


def _is_news(found: Held, before: Judged | None) -> bool:
    """Whether it was not judged or not over then, or rows or outcomes came late; that rows are gone, as old ones are,
    is none."""
    if before is None or before.end < before.start + timedelta(days=1):
        return True
    return found.n_rows > before.n_rows or (found.n_rows == before.n_rows and found.outcomes != before.outcomes)


def _measured(
    project: str, watched: WatchedModel, day: date, came: Arrivals, past: Sequence[Checked]
) -> tuple[WindowReport, Daily | None]:
    """What one day's rows say by themselves, and their statistics; none where something broke.

    `came` says when rows came, on the day and before.
    """
    from tasks.monitoring import logged_windows, rightness

    since, until = _start(day), _start(day + timedelta(days=1))
    asked = (project, watched.scorer.digest, since, until)
    logged = logged_windows.day(*asked)
    n_rows = logged.answered.height
    # On a day that it shared with another champion, nobody knows how many rows were due to it.
    timing = came.timing(day - RHYTHM, day) if came.n_rows(day) == n_rows else None
    incidents = watched.incidents(logged.rows, since, min(until, clock.now()), timing, logged.answered)
    report = _with(empty(day.isoformat(), n_rows, watched.promise), incidents)
    if n_rows:
        performance = rightness.performance(watched, logged, past, not incidents)
        service = rightness.service(project, watched, logged.answered, since, until)
        report = report.model_copy(update={"performance": performance, "service": service})
    if incidents or not n_rows:
        return report, None
    frames = [logged.rows] if logged.is_whole else logged_windows.answered(*asked, outcomes=False)
    return report, watched.measured(frames, day)


def _with(report: WindowReport, incidents: tuple[Incident, ...]) -> WindowReport:
    if not incidents:
        return report
    broken = Broken(cause=incidents[0].sentence, evidence=incidents)
    return report.model_copy(update={"incident": broken, "state": "incident"})


def _start(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def figures(report: WindowReport) -> dict[str, float]:
    """What a chart over time shows of a window."""
    worst = max((each.score for each in report.columns), default=0.0)
    found = {"n_rows": float(report.n_rows), "drift": float(report.drift), "drift_score": worst}
    found["incident"] = float(report.incident is not None)
    found["alarms"] = float(report.alarms_spent)
    if report.performance:
        found |= {each.name: each.value for each in report.performance.labelled.best}
        if (guess := report.performance.estimated) is not None and guess.valid:
            found[f"estimated.{guess.metric}"] = guess.value
    if report.service and report.service.latency:
        found |= {"p50_ms": report.service.latency.p50, "p99_ms": report.service.latency.p99}
    return {f"monitoring.{name}": value for name, value in found.items()}


def scores(report: WindowReport) -> dict[str, float]:
    """The same of each column: its score, or 0 where nothing was promised."""
    return {f"score/{each.column}": each.score for each in report.worst[:MOST_SCORES]}
