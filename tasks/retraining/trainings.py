"""Every training of a project that began, and what came of it: what the verdict's limits go by.

A run that goes on says so now and then; one that is silent for long has died, on whatever machine it was.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from datetime import datetime, timedelta

from tasks.core import clock, database
from tasks.core.errors import Unavailable
from tasks.retraining import requests
from tasks.retraining.verdict import Result, Training

BEAT = timedelta(seconds=30)
SILENT = timedelta(minutes=5)
"""Ten beats: a machine under load, or a database that is away for a moment, is no death."""
KEPT = 200
"""The newest trainings that the verdict is shown."""


def begin(project: str, flow_run: str, cause: str, request: str | None) -> bool:
    """Note that the run begins, and claim the request that it is for: False when that is another's, or done already."""
    from tasks.core.tables import TRAININGS as TABLE

    now = clock.now()
    with database.writing() as connection:
        if request and not requests.claim(connection, request, flow_run):
            return False
        connection.execute(
            TABLE.delete().where(TABLE.c.flow_run == flow_run)
        )  # a worker runs it again, as the same run
        row = {"project": project, "flow_run": flow_run, "cause": cause, "request": request, "at": now, "seen": now}
        connection.execute(TABLE.insert().values(**row))
    return True


def end(flow_run: str, result: Result, version: str | None = None) -> None:
    """Note what came of the run, for its request too."""
    from tasks.core.tables import TRAININGS as TABLE

    now = clock.now()
    with database.writing() as connection:
        ended = TABLE.update().where(TABLE.c.flow_run == flow_run)
        connection.execute(ended.values(ended=now, seen=now, result=result, version=version))
        requests.close(connection, flow_run, result, now)


def bury(project: str, dead: Collection[str] = ()) -> list[str]:
    """End the runs of the project that died, `dead` ones and silent ones; what was asked of them is open again."""
    from tasks.core.tables import TRAININGS as TABLE

    now = clock.now()
    gone = TABLE.c.flow_run.in_(dead) | (TABLE.c.seen < now - SILENT)
    with database.writing() as connection:
        running = (TABLE.c.project == project) & TABLE.c.ended.is_(None)
        found = [str(row.flow_run) for row in connection.execute(TABLE.select().where(running & gone))]
        for flow_run in found:
            died = TABLE.update().where(TABLE.c.flow_run == flow_run)
            connection.execute(died.values(ended=TABLE.c.seen, result="failed"))
            requests.reopen(connection, flow_run, now)
    return found


def read(project: str, now: datetime) -> tuple[Training, ...]:
    """The newest trainings in the order of their start; one that is silent for long has failed."""
    from tasks.core.tables import TRAININGS as TABLE

    query = TABLE.select().where(TABLE.c.project == project).order_by(TABLE.c.at.desc(), TABLE.c.id.desc()).limit(KEPT)
    with database.reading() as connection:
        rows = connection.execute(query).all()
    return tuple(
        Training(
            at=row.at,
            cause=row.cause,
            seconds=((row.ended or (now if row.seen > now - SILENT else row.seen)) - row.at).total_seconds(),
            result=row.result or ("running" if row.seen > now - SILENT else "failed"),
        )
        for row in reversed(rows)
    )


@contextmanager
def alive(flow_run: str, beat: timedelta = BEAT) -> Iterator[None]:
    """Say for as long as the block lasts that the run goes on."""
    from tasks.core.tables import TRAININGS as TABLE

    over = threading.Event()

    def beats() -> None:
        while not over.wait(beat.total_seconds()):
            with suppress(Unavailable), database.writing() as connection:
                mine = TABLE.update().where(TABLE.c.flow_run == flow_run)
                connection.execute(mine.values(seen=clock.now()))

    thread = threading.Thread(target=copy_context().run, args=(beats,), name="alive", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
