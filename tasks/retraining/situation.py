"""What is known of a champion's life: from the ledger, the trainings, the outcomes, the log and its own reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from tasks.core import database, ledger, lineage, store
from tasks.core.ledger import Entry
from tasks.core.model_records import Champion
from tasks.monitoring import kept
from tasks.monitoring.incidents import Facts
from tasks.retraining import aged, trainings
from tasks.retraining.living import living
from tasks.retraining.policy import Retrain
from tasks.retraining.verdict import Situation

BY_HAND = ("promote", "rollback")
TAUGHT = ("promoted", "challenger", "refused")
"""What came of a training that has looked at the rows."""


def situation(project: str, champion: Champion, policy: Retrain, now: datetime) -> Situation:
    """The champion's situation now, told in the policy's windows; Unavailable when keepfit's database is away."""
    entries = ledger.entries(project, None)
    moves = [each for each in entries if each.decision in ledger.SERVING]
    serving = next((each for each in moves if each.serves == champion.version), None)
    began = _began(champion, moves, lineage.corrected(entries))
    past = trainings.read(project, now)
    since = began.at if began is not None else now
    by_hand = [each.at for each in past if each.cause == "manual"]
    by_hand += [each.at for each in moves if each.cause in BY_HAND]
    return Situation(
        # A training that made the same model again has shown that there is nothing newer to learn.
        champion_since=max([since, *(each.at for each in past if each.result == "promoted")]),
        fitted_until=_fitted_until(champion.trained, entries) or since,
        n_labelled=_labelled(project, max((each.at for each in past if each.result in TAUGHT), default=since)),
        trainings=past,
        cadence=curve.cadence if (curve := aged.curve(champion.trained.artifact.digest, policy)) else None,
        # The trained model that serves again in its correction's place is not new.
        live=living(project, champion, serving, now) if champion.base or serving == began else None,
        breaker_closed=max(by_hand, default=None),
    )


def _began(champion: Champion, moves: Sequence[Entry], corrected: Mapping[str, str]) -> Entry | None:
    """The move by which the trained model began to serve, by itself or corrected."""
    began = None
    for each in moves:
        if each.serves is not None and corrected.get(each.version, each.version) == champion.trained.version:
            began = each
        elif began is not None:
            break
    return began


def _fitted_until(champion: Champion, entries: list[Entry]) -> datetime | None:
    """The newest of its rows, or where they have no dates the moment when it was registered."""
    facts = Facts.model_validate_json(store.path(kept.known(champion.artifact.digest).facts).read_bytes())
    if facts.timing is not None:
        return datetime.fromtimestamp(facts.timing.last, UTC)
    return min((each.at for each in entries if each.version == champion.version), default=None)


def _labelled(project: str, since: datetime) -> int | None:
    """How many predictions got their outcome since, by its id or key; None where none ever came."""
    from sqlalchemy import func, select

    from tasks.core.tables import OUTCOMES as TABLE

    mine, new = TABLE.c.project == project, TABLE.c.received > since
    with database.reading() as connection:
        if connection.execute(select(TABLE.c.id).where(mine).limit(1)).first() is None:
            return None
        subjects = (func.count(TABLE.c.prediction.distinct()), func.count(TABLE.c.key.distinct()))
        return sum(connection.execute(select(*subjects).where(mine, new)).one())
