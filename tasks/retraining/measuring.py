"""The gains of a serving champion: measured of each whole window of its life once its outcomes have come."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, cast

from tasks.core import outcomes, store
from tasks.core.model_records import Champion
from tasks.core.predictions import reading
from tasks.core.predictions.labelled import ANSWERED
from tasks.core.records import BYTES
from tasks.core.splits import seconds
from tasks.monitoring.window_report import WindowReport
from tasks.retraining import gains
from tasks.retraining.gain import measured
from tasks.retraining.policy import Retrain
from tasks.scoring.scorer import Scorer
from tasks.serving.logged import treatments
from tasks.serving.section import Log

if TYPE_CHECKING:
    import polars as pl

FEWEST = 100
"""Rows with an outcome, in the window and before it, for a gain to be told from chance."""
PAST = 8
"""Windows of rows before, of which the newest tenth teaches the correction."""
GROWN = 1.1
"""By how much more outcomes a window is measured anew: some come late."""


def measure(
    project: str,
    champion: Champion,
    since: datetime,
    days: Sequence[WindowReport],
    policy: Retrain,
    log: Log,
    now: datetime,
) -> str:
    """Measure and keep the gains that can be told by now; why none can be of this model, or "".

    Windows begin with the day of `since`, when the champion began to serve. One with an incident among the judged
    `days` teaches nothing.
    """
    scorer = Scorer.open(store.path(champion.artifact), champion.artifact.digest)
    if lost := [*treatments(scorer.card, log), *(each.name for each in scorer.card.inputs if each.type in BYTES)]:
        return f"no gain of a new model can be measured, since the log does not hold {lost[0]!r} as it was asked"
    every = timedelta(seconds=seconds(str(policy.every)))
    known = {each.start: each for each in gains.read(project, scorer.digest)}
    broken = {each.window for each in days if each.incident is not None}
    start = datetime.combine(since.date(), time(), since.tzinfo)
    while (end := start + every) <= now:
        span = {(start + timedelta(days=day)).date().isoformat() for day in range(max(1, round(every.days)))}
        if not span & broken:
            rows = _labelled(project, scorer, start - PAST * every, end)
            n_window = rows.filter(rows["__time__"] >= start).height
            before = known.get(start)
            is_new = before is None or n_window > GROWN * before.n_labelled
            if is_new and min(n_window, rows.height - n_window) >= FEWEST:
                gains.write(project, measured(scorer, rows, "__time__", start, end))
        start = end
    return ""


def _labelled(project: str, scorer: Scorer, since: datetime, until: datetime) -> pl.DataFrame:
    """Answered rows whose outcome is one that the model knows, whichever model answered them."""
    import polars as pl

    target = scorer.card.target
    batches = list(reading.read(store.home(), project, since, until, roles=ANSWERED))
    if not batches:
        return pl.DataFrame(schema={"__time__": pl.Datetime("us", "UTC"), target.name: pl.String})
    found = cast("pl.DataFrame", pl.from_arrow(outcomes.joined(reading.table(batches), project)))
    found = found.with_columns(pl.col(pl.Categorical).cast(pl.String))
    told = pl.col("__outcome__").cast(pl.String)
    if not target.classes:
        told = told.cast(pl.Float64, strict=False)
    known = told.is_in(target.classes) if target.classes else told.is_finite()
    return found.with_columns(told.alias(target.name)).filter(known.fill_null(value=False))
