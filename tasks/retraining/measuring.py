"""The gains of a serving champion: measured of each whole window of its life once its outcomes have come."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

from tasks.core import store
from tasks.core.errors import DataError
from tasks.core.model_records import Champion
from tasks.core.predictions import spoilt
from tasks.core.predictions.labelled import ANSWERED
from tasks.monitoring import logged_windows, watch
from tasks.monitoring.window_report import WindowReport
from tasks.retraining import gains
from tasks.retraining.gain import FEWEST_JUDGED, measured
from tasks.retraining.policy import Retrain
from tasks.retraining.verdict import Gain
from tasks.scoring.scorer import Scorer
from tasks.serving.logged import treatments
from tasks.serving.section import Log

if TYPE_CHECKING:
    import polars as pl

FEWEST_BEFORE = 100
"""Rows with an outcome before a window, or there is nothing to learn from them."""
PAST = 8
"""Windows of rows before, of which the newest teach the correction; an older gain is not measured anew."""
GROWN = 1.1
"""By how much more outcomes a window is measured anew: some come late."""
MOST_ROWS = 200_000
"""In memory at once: of more, every second one is left out, and again."""
DAY = timedelta(days=1)


def measure(
    project: str,
    champion: Champion,
    since: datetime,
    days: Sequence[WindowReport],
    policy: Retrain,
    log: Log,
    now: datetime,
) -> tuple[tuple[Gain, ...], str]:
    """The champion's gains, with those that can be told by now measured and kept; and why none can be of it, or "".

    Windows begin with the first whole day after `since`, when the champion began to serve. One with an incident among
    the judged `days` teaches nothing.
    """
    scorer = Scorer.open(store.path(champion.artifact), champion.artifact.digest)
    if lost := watch.lost(scorer.card, treatments(scorer.card, log)):
        return (), f"no gain of a new model can be measured, since the log does not hold {lost[0]!r} as it was asked"
    begin = datetime.combine(since.date(), time(), since.tzinfo)
    begin += DAY if begin < since else timedelta()
    known = {each.start: each for each in gains.read(project, scorer.digest)}
    broken = {each.window for each in days if each.incident is not None}
    starts, why = [begin], ""
    while (end := (start := starts[-1]) + policy.window) <= now:
        is_old = start in known and end < now - PAST * policy.window
        if not is_old and not broken & _days(start, end):
            try:
                _measure(project, scorer, start, end, policy.window, known.get(start))
            except DataError as exc:  # nothing else of the look at the rows depends on it
                why = str(exc)
        starts.append(end)
    # A former life of the same model had windows of its own, which overlap with these.
    return tuple(each for each in gains.read(project, scorer.digest) if each.start in starts), why


def _measure(
    project: str, scorer: Scorer, start: datetime, end: datetime, window: timedelta, before: Gain | None
) -> None:
    rows, share = labelled(project, scorer, start - PAST * window, end)
    n_window = rows.filter(rows["__time__"] >= start).height
    is_new = before is None or n_window > GROWN * share * before.n_labelled
    if is_new and n_window >= FEWEST_JUDGED and rows.height - n_window >= FEWEST_BEFORE:
        found = measured(scorer, rows, "__time__", start, end)
        gains.write(project, found.model_copy(update={"n_labelled": round(n_window / share)}))


def labelled(project: str, scorer: Scorer, since: datetime, until: datetime) -> tuple[pl.DataFrame, float]:
    """Answered rows whose outcome is one that the model knows, whichever answered them; and which share of all."""
    import polars as pl

    target = scorer.card.target
    told = pl.col("__outcome__").cast(pl.String)
    told = told if target.classes else told.cast(pl.Float64, strict=False)
    known = told.is_in(target.classes) if target.classes else told.is_finite()
    found = [pl.DataFrame(schema={"__time__": pl.Datetime("us", "UTC"), target.name: pl.String})]
    n_seen, stride, broken = 0, 1, spoilt.days(project)
    for rows in logged_windows.parts(project, since, until, roles=ANSWERED):
        rows = spoilt.without(rows, broken).filter(known.fill_null(value=False)).with_columns(told.alias(target.name))
        found.append(rows[-n_seen % stride :: stride])
        n_seen += rows.height
        while sum(each.height for each in found) > MOST_ROWS:
            found, stride = [pl.concat(found, how="diagonal_relaxed").gather_every(2)], 2 * stride
    return pl.concat(found, how="diagonal_relaxed"), 1 / stride


def _days(start: datetime, end: datetime) -> set[str]:
    """The days that the window has a part of, as their reports are named."""
    n_days = (end - timedelta(microseconds=1)).date() - start.date()
    return {(start.date() + day * DAY).isoformat() for day in range(n_days.days + 1)}
