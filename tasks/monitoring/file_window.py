"""Rows of a file, which were never asked, as one window by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import polars as pl

from tasks.core import clock
from tasks.core.model_records import Champion
from tasks.monitoring.daily import Daily
from tasks.monitoring.section import Monitor
from tasks.monitoring.spread import Spread
from tasks.monitoring.watched_model import WatchedModel
from tasks.monitoring.window_report import WindowReport, broken, drifted, empty
from tasks.serving.section import Log


@dataclass(frozen=True)
class FileWindow:
    """Rows that were never asked as one window by itself: the report, rows that its page may name, and statistics."""

    report: WindowReport
    rows: pl.DataFrame
    daily: Daily | None


def judge_rows(
    project: str,
    champion: Champion,
    section: Monitor,
    log: Log,
    frames: Callable[[], Iterator[pl.DataFrame]],
    name: str,
) -> FileWindow:
    """Judge the rows of these frames, which are asked for twice where they are too many for memory; nothing is kept."""
    watched = WatchedModel.open(project, champion, section, log)
    spread, now = Spread(), clock.now()
    for rows in _numbered(frames()):
        spread.add(rows)
    rows = spread.rows()
    report = empty(name, spread.n_rows, watched.promise)
    incidents = watched.incidents(rows) if rows.width else ()
    if incidents or not spread.n_rows:
        return FileWindow(broken(report, incidents), rows, None)
    asked = partial(_answered, watched, section.time, now)
    rows = asked(rows)
    daily = watched.measured([rows] if spread.is_whole else map(asked, _numbered(frames())), None)
    return FileWindow(drifted(report, watched.judged([daily])), rows, daily)


def _numbered(frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The rows with their number in the file, the first being 1, in the place of a prediction's id."""
    first = 1
    for rows in frames:
        ids = pl.int_range(first, first + rows.height, eager=True).cast(pl.String).alias("__id__")
        yield rows.with_columns(ids)
        first += rows.height


def _answered(watched: WatchedModel, time: str | None, now: datetime, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with what the model says to them, as if they were asked when they came."""
    answers = watched.scorer.predict(rows, missing_ok=True)
    moment, dated = pl.Datetime("us", "UTC"), {name for name, kind in rows.schema.items() if kind.is_temporal()}
    came = pl.col(time).cast(moment) if time in dated else pl.lit(now, moment)
    return rows.drop(answers.columns, strict=False).hstack(answers).with_columns(came.alias("__time__"))
