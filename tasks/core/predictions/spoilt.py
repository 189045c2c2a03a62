"""Days on which a model's feed was broken: what was answered and told then is kept, and nothing is learnt from it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from tasks.core import database

if TYPE_CHECKING:
    import polars as pl

Spoilt = dict[date, frozenset[str]]
"""Of each such day the digests of the models whose rows came broken."""


def days(project: str) -> Spoilt:
    """The judged days that had an incident."""
    from sqlalchemy import select

    from tasks.core.tables import WINDOWS as TABLE

    # A day that had rows and has no statistics to judge others beside is one with an incident.
    broken = (TABLE.c.project == project) & TABLE.c.daily.is_(None) & (TABLE.c.n_rows > 0)
    found: dict[date, set[str]] = {}
    with database.reading() as connection:
        for start, digest in connection.execute(select(TABLE.c.start, TABLE.c.digest).where(broken)):
            found.setdefault(start.date(), set()).add(str(digest))
    return {day: frozenset(digests) for day, digests in found.items()}


def without(rows: pl.DataFrame, spoilt: Spoilt) -> pl.DataFrame:
    """The logged rows but for those of such days."""
    import polars as pl

    said, came = pl.col("__digest__").cast(pl.String), pl.col("__time__").dt.date()
    for day, digests in spoilt.items():
        rows = rows.filter(~((came == day) & said.is_in(sorted(digests))))
    return rows
