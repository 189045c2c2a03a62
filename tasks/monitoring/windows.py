"""The windows that were judged: one row of the database each, and the statistics that later ones are judged beside."""

from __future__ import annotations

import io
from datetime import date, datetime
from typing import TYPE_CHECKING

import numpy as np

from tasks.core import database, store
from tasks.core.records import Blob, Record

if TYPE_CHECKING:
    from tasks.monitoring.daily import Daily


class Judged(Record):
    """A window that was judged: what it held then, the blob of its statistics (none: an incident), its report as JSON.

    `end` is earlier than the day's where it was judged before it was over. `outcomes` stands for all outcomes of its
    rows that were known.
    """

    start: datetime
    end: datetime
    n_rows: int
    outcomes: str
    daily: Blob | None
    report: str


def read(project: str, digest: str) -> dict[date, Judged]:
    """The windows of this model by their days, in order."""
    from sqlalchemy import select

    from tasks.core.tables import WINDOWS as TABLE

    columns = (TABLE.c.start, TABLE.c.end, TABLE.c.n_rows, TABLE.c.outcomes, TABLE.c.daily, TABLE.c.report)
    query = select(*columns).where(TABLE.c.project == project, TABLE.c.digest == digest).order_by(TABLE.c.start)
    with database.reading() as connection:
        rows = connection.execute(query).all()
    return {
        start.date(): Judged(
            start=start,
            end=end,
            n_rows=n_rows,
            outcomes=outcomes,
            daily=Blob.model_validate_json(daily) if daily else None,
            report=report,
        )
        for start, end, n_rows, outcomes, daily, report in rows
    }


def write(project: str, digest: str, window: Judged) -> None:
    """Keep the window, in place of what was judged of it before."""
    from tasks.core.tables import WINDOWS as TABLE

    mine = (TABLE.c.project == project) & (TABLE.c.digest == digest) & (TABLE.c.start == window.start)
    values = window.model_dump(exclude={"daily"}) | {"daily": window.daily and window.daily.model_dump_json()}
    with database.writing() as connection:
        database.alone(connection, "windows", project)
        connection.execute(TABLE.delete().where(mine))
        connection.execute(TABLE.insert().values(project=project, digest=digest, **values))


def put(daily: Daily) -> Blob:
    """The statistics in the store; the same ones are the same file."""
    file = io.BytesIO()
    np.savez_compressed(
        file, allow_pickle=False, n_rows=np.int64(daily.n_rows), counts=daily.counts, products=daily.products
    )
    return store.put(file.getvalue(), ".npz")


def get(blob: Blob, day: date) -> Daily:
    """The statistics of the window of this day."""
    from tasks.monitoring.daily import Daily

    with np.load(store.path(blob), allow_pickle=False) as arrays:
        return Daily(day, int(arrays["n_rows"]), arrays["counts"], arrays["products"])
