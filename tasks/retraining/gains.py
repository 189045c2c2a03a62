"""The gains that were measured: one a window and champion, in the order of the windows."""

from __future__ import annotations

from datetime import datetime

from tasks.core import database
from tasks.retraining.verdict import Gain


def read(project: str, digest: str) -> tuple[Gain, ...]:
    """What was measured of this champion, the oldest first."""
    from tasks.core.tables import GAINS as TABLE

    query = TABLE.select().where(TABLE.c.project == project, TABLE.c.digest == digest).order_by(TABLE.c.start)
    with database.reading() as connection:
        return tuple(Gain.model_validate_json(row.gain) for row in connection.execute(query))


def recent(project: str, since: datetime) -> tuple[Gain, ...]:
    """What was measured of any champion of windows that began since, the oldest first."""
    from tasks.core.tables import GAINS as TABLE

    query = TABLE.select().where(TABLE.c.project == project, TABLE.c.start >= since).order_by(TABLE.c.start, TABLE.c.id)
    with database.reading() as connection:
        return tuple(Gain.model_validate_json(row.gain) for row in connection.execute(query))


def write(project: str, gain: Gain) -> None:
    """Keep it, in place of what was measured of the window before."""
    from tasks.core.tables import GAINS as TABLE

    mine = (TABLE.c.project == project) & (TABLE.c.digest == gain.digest) & (TABLE.c.start == gain.start)
    with database.writing() as connection:
        database.alone(connection, "gains", project)
        connection.execute(TABLE.delete().where(mine))
        row = {"project": project, "digest": gain.digest, "start": gain.start, "gain": gain.model_dump_json()}
        connection.execute(TABLE.insert().values(**row))
