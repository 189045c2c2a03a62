"""Trainings that a verdict asked for: one open request a project, which one run claims, and which ends with a result.

An event may be lost, or come twice; the row decides. What was asked for and claimed by nobody is sent again, what was
claimed by a run that died is open again.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tasks.core import database
from tasks.core.records import Record
from tasks.retraining.verdict import Verdict

if TYPE_CHECKING:
    from sqlalchemy import Connection

AGAIN = timedelta(minutes=10)
"""After which what nobody claimed is sent again: a worker that starts a run takes seconds."""
MOST_ATTEMPTS = 3
"""Runs that may die over one request."""


class Request(Record):
    """A training that was asked for: why, when it was last sent, and by which run it was claimed."""

    id: str
    project: str
    at: datetime
    verdict: Verdict
    sent: datetime | None = None
    flow_run: str | None = None
    attempts: int = 0
    closed: datetime | None = None
    result: str | None = None


def ask(project: str, verdict: Verdict, now: datetime) -> Request:
    """The project's open request: a new one, unless there is one already, whoever made it."""
    from sqlalchemy.exc import IntegrityError

    from tasks.core.tables import REQUESTS

    while (found := still_open(project)) is None:
        row = {"id": uuid.uuid4().hex[:12], "project": project, "open": project, "at": now, "attempts": 0}
        try:
            with database.writing() as connection:
                connection.execute(REQUESTS.insert().values(**row, verdict=verdict.model_dump_json()))
        except IntegrityError:
            continue  # another one was first
    return found


def still_open(project: str) -> Request | None:
    """The request of the project that no run has ended yet."""
    from tasks.core.tables import REQUESTS

    with database.reading() as connection:
        row = connection.execute(REQUESTS.select().where(REQUESTS.c.open == project)).mappings().first()
    return _request({**row}) if row is not None else None


def send_now(request: Request, now: datetime) -> bool:
    """Whether the caller shall send it: nobody has claimed it, and nobody sends it at this moment."""
    from tasks.core.tables import REQUESTS as TABLE

    due = TABLE.c.sent.is_(None) | (TABLE.c.sent < now - AGAIN)
    mine = (TABLE.c.id == request.id) & TABLE.c.open.is_not(None) & TABLE.c.flow_run.is_(None)
    with database.writing() as connection:
        return connection.execute(TABLE.update().where(mine & due).values(sent=now)).rowcount == 1


def not_sent(request: Request) -> None:
    """Let it be sent again at once: nobody took it."""
    from tasks.core.tables import REQUESTS as TABLE

    with database.writing() as connection:
        connection.execute(TABLE.update().where(TABLE.c.id == request.id).values(sent=None))


def withdraw(project: str, now: datetime) -> None:
    """Close what nobody has claimed: its reason is gone, and a run that comes late finds nothing to do."""
    from tasks.core.tables import REQUESTS as TABLE

    mine = (TABLE.c.open == project) & TABLE.c.flow_run.is_(None)
    with database.writing() as connection:
        connection.execute(TABLE.update().where(mine).values(open=None, closed=now, result="withdrawn"))


def claim(connection: Connection, request: str, flow_run: str) -> bool:
    """Whether the request is this run's: it is open, and no other run has claimed it."""
    from tasks.core.tables import REQUESTS as TABLE

    free = TABLE.c.flow_run.is_(None) | (TABLE.c.flow_run == flow_run)
    mine = (TABLE.c.id == request) & TABLE.c.open.is_not(None) & free
    claimed = TABLE.update().where(mine).values(flow_run=flow_run, attempts=TABLE.c.attempts + 1)
    return connection.execute(claimed).rowcount == 1


def close(connection: Connection, flow_run: str, result: str, now: datetime) -> None:
    """Close the request that this run claimed."""
    from tasks.core.tables import REQUESTS as TABLE

    mine = (TABLE.c.flow_run == flow_run) & TABLE.c.open.is_not(None)
    connection.execute(TABLE.update().where(mine).values(open=None, closed=now, result=result))


def reopen(connection: Connection, flow_run: str, now: datetime) -> None:
    """Let another run claim what this one claimed and did not end; after too many deaths it is closed as failed."""
    from tasks.core.tables import REQUESTS as TABLE

    mine = (TABLE.c.flow_run == flow_run) & TABLE.c.open.is_not(None)
    dead = TABLE.c.attempts >= MOST_ATTEMPTS
    connection.execute(TABLE.update().where(mine & dead).values(open=None, closed=now, result="failed"))
    connection.execute(TABLE.update().where(mine).values(flow_run=None, sent=None))


def _request(row: Mapping[str, Any]) -> Request:
    said = {name: row[name] for name in Request.model_fields if name != "verdict"}
    return Request(**said, verdict=Verdict.model_validate_json(row["verdict"]))
