"""The verdicts so far, with what was asked for by them."""

from __future__ import annotations

from datetime import datetime

from tasks.core import database
from tasks.core.records import Record
from tasks.retraining.verdict import Verdict


class Kept(Record):
    """A verdict on a version, and the request and the event at Prefect that came of it."""

    id: int
    at: datetime
    version: str
    window: str | None
    verdict: Verdict
    request: str | None = None
    event: str | None = None


def keep(project: str, at: datetime, version: str, window: str | None, verdict: Verdict) -> int:
    """Add a verdict; its number."""
    from tasks.core.tables import VERDICTS

    said = verdict.model_dump(include={"action", "cause", "held_back", "sentence", "until"})
    row = {"project": project, "at": at, "version": version, "window": window, "evidence": verdict.model_dump_json()}
    with database.writing() as connection:
        key = connection.execute(VERDICTS.insert().values(**row, **said)).inserted_primary_key
    assert key is not None
    return int(key[0])


def asked(number: int, request: str, event: str | None) -> None:
    """Note what came of the verdict."""
    from tasks.core.tables import VERDICTS

    with database.writing() as connection:
        connection.execute(VERDICTS.update().where(VERDICTS.c.id == number).values(request=request, event=event))


def newest(project: str, limit: int = 1) -> list[Kept]:
    """The newest verdicts, the newest first."""
    from tasks.core.tables import VERDICTS as TABLE

    query = TABLE.select().where(TABLE.c.project == project).order_by(TABLE.c.id.desc()).limit(limit)
    with database.reading() as connection:
        rows = connection.execute(query).mappings().all()
    said = [(Verdict.model_validate_json(row["evidence"]), row) for row in rows]
    names = ("id", "at", "version", "window", "request", "event")
    return [Kept(verdict=verdict, **{name: row[name] for name in names}) for verdict, row in said]
