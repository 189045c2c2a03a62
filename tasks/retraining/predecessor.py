"""The version before against the champion, on the rows whose outcome came since the champion serves."""

from __future__ import annotations

from datetime import datetime

from tasks.core import store, tracking
from tasks.core.errors import DataError, Unavailable
from tasks.core.model_records import Champion
from tasks.monitoring import watch
from tasks.retraining import correction, gain
from tasks.retraining.measuring import labelled
from tasks.retraining.rolling_back import FEWEST_OUTCOMES
from tasks.retraining.verdict import Gain, Live
from tasks.scoring.scorer import Scorer
from tasks.serving.logged import treatments
from tasks.serving.section import Log


def compared(project: str, champion: Champion, live: Live, log: Log, now: datetime) -> Gain | None:
    """By how much the version before does better; None where that cannot be told.

    It takes 200 outcomes, and a log that holds what both were asked: `log` says what it hashes or drops.
    """
    try:
        before = tracking.model(project, live.previous) if live.previous else None
    except Unavailable:  # MLflow is away: the other figures are told all the same
        return None
    if before is None:
        return None
    present, past = (Scorer.open(store.path(each.artifact), each.artifact.digest) for each in (champion, before))
    if any(watch.lost(each.card, treatments(each.card, log)) for each in (present, past)):
        return None
    rows, share = labelled(project, present, live.since, now)
    if rows.height < share * FEWEST_OUTCOMES:
        return None
    rows, problem = rows.sort("__time__", maintain_order=True), present.card.target.problem
    try:
        ours, theirs = (
            correction.losses(problem, gain.answers_of(each, rows), each.ask(gain.prepared(each, rows)))
            for each in (present, past)
        )
    except DataError:  # it asks for a column, or knows classes, that the other has not
        return None
    found = gain.gain_of(ours, theirs, live.since, now, present.digest)
    return found.model_copy(update={"n_labelled": round(rows.height / share)})
