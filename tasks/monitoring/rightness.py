"""How right a window's answers were, by its outcomes so far and as it is estimated; and how it was served."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tasks.core import clock, roles, store
from tasks.core.predictions.layout import folder_of
from tasks.core.predictions.refusals import read_refusals
from tasks.monitoring import performance as labelled
from tasks.monitoring import service as served
from tasks.monitoring.estimation import Answered, Checked, check, estimate
from tasks.monitoring.watched_model import MOST_ESTIMATED
from tasks.monitoring.window_report import Performance
from tasks.scoring.judging import metrics_of

if TYPE_CHECKING:
    import polars as pl

    from tasks.monitoring.logged_windows import LoggedDay
    from tasks.monitoring.watched_model import WatchedModel


def performance(watched: WatchedModel, day: LoggedDay, past: Sequence[Checked], estimated: bool) -> Performance:
    """The figures of the rows with an outcome, and unless something broke what they probably are of all rows.

    `past` are the estimates of earlier windows that outcomes have checked. What was estimated is of the model's own
    answers, also where a correction answered: of the others' errors nothing is known without outcomes.
    """
    import numpy as np

    card = watched.scorer.card
    names = metrics_of(card.target.problem, card.metric)
    known = labelled.performance(day.answered, card, names, clock.now())
    if not estimated:
        return Performance(labelled=known)
    rows = watched.own(day.rows.gather_every(-(-day.rows.height // MOST_ESTIMATED)))
    asked = Answered(labelled.answers(rows, card), watched.inputs(watched.plan.of(rows)))
    found = estimate(card.metric, asked, watched.held_out, card.threshold, past)
    checked: Checked | None = None
    if known.metrics:
        y = labelled.outcomes(rows, card)
        rows, y = rows.filter(np.isfinite(y)), y[np.isfinite(y)]
        codes = y.astype(np.intp) if card.target.classes else y
        asked = Answered(labelled.answers(rows, card), watched.inputs(watched.plan.of(rows)), codes)
        checked = check(card.metric, asked, watched.held_out, card.threshold)
    return Performance(labelled=known, estimated=found, checked=checked)


def service(
    project: str, watched: WatchedModel, rows: pl.DataFrame, since: datetime, until: datetime
) -> served.Service:
    """How fast and how often, and how old the model, its rows and the newest outcome are."""
    known, timing = roles.known(project), watched.facts.timing
    serves = known is not None and known.since and known.champion.trained.artifact.digest == watched.scorer.digest
    newest = rows["__outcome_at__"].max() if rows.height else None
    return served.service(
        rows,
        read_refusals(folder_of(store.home(), project), since, until),
        since,
        until,
        serves_since=datetime.fromisoformat(known.since) if known is not None and serves else None,
        data_until=datetime.fromtimestamp(timing.last, UTC) if timing else None,
        labels_until=newest if isinstance(newest, datetime) else None,
    )
