"""Judge windows of live rows: what broke first, then what drifted, then how right the answers were."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from tasks.core import clock, newest_window
from tasks.core.errors import Unavailable
from tasks.core.model_records import Champion
from tasks.core.records import Record
from tasks.monitoring.logged_windows import Held
from tasks.monitoring.section import Monitor
from tasks.monitoring.window_report import WindowReport, broken, drifted, empty
from tasks.retraining.verdict import Verdict
from tasks.serving.section import Log

if TYPE_CHECKING:
    from tasks.monitoring.daily import Daily
    from tasks.monitoring.estimation import Checked
    from tasks.monitoring.incident_timing_facts import Arrivals
    from tasks.monitoring.watched_model import WatchedModel
    from tasks.monitoring.windows import Judged

LOOKED_BACK = timedelta(days=90)
"""How far back windows are caught up; older ones are judged already, or their rows are gone."""
RHYTHM = timedelta(days=56)
"""Of earlier rows that say when rows come."""


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


def was_asked(project: str, champion: Champion, last: date) -> bool:
    """Whether there is a day up to `last` to judge: one that was judged, or rows that the champion answered."""
    from tasks.monitoring import logged_windows, windows

    digest, end = champion.artifact.digest, _start(last + timedelta(days=1))
    if any(day <= last for day in windows.read(project, digest)):
        return True
    return next(logged_windows.answered(project, digest, end - LOOKED_BACK, end, outcomes=False), None) is not None


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
    report = broken(empty(day.isoformat(), n_rows, watched.promise), incidents)
    if n_rows:
        performance = rightness.performance(watched, logged, past, not incidents)
        service = rightness.service(project, watched, logged.answered, since, until)
        report = report.model_copy(update={"performance": performance, "service": service})
    if incidents or not n_rows:
        return report, None
    frames = [logged.rows] if logged.is_whole else logged_windows.answered(*asked, outcomes=False)
    return report, watched.measured(frames, day)


def _start(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
