"""What the prediction log and the outcomes hold of each UTC day, in one pass over a few columns."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, cast

from tasks.core import outcomes, store
from tasks.core.predictions import reading
from tasks.core.predictions.segment import Role
from tasks.core.records import Record

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

COUNTED = ["__time__", "__digest__", "__id__", "__key__"]
ROWS = 65_536
"""Rows whose outcomes are asked for at a time."""


class Held(Record):
    """The rows of a day, and what stands for all their outcomes: it changes when one comes or is corrected."""

    n_rows: int = 0
    outcomes: str = ""


def held(project: str, digest: str, since: datetime | None, until: datetime) -> dict[date, Held]:
    """Of each day in order that has rows which this model answered; memory grows with the outcomes alone."""
    import polars as pl

    counts: Counter[date] = Counter()
    known: list[pl.DataFrame] = []
    for rows in parts(project, since, until, COUNTED):
        rows = rows.filter(pl.col("__digest__") == digest)
        rows = rows.select(pl.col("__time__").dt.date().alias("day"), "__id__", "__outcome__")
        for day, n_rows in rows["day"].value_counts().iter_rows():
            counts[day] += n_rows
        known.append(rows.filter(pl.col("__outcome__").is_not_null()))
    stands: dict[date, str] = {}
    if known:
        for (day,), found in pl.concat(known).group_by("day"):
            text = found.sort("__id__").select("__id__", "__outcome__").write_csv(include_header=False)
            stands[cast("date", day)] = hashlib.sha256(text.encode()).hexdigest()
    return {day: Held(n_rows=n, outcomes=stands.get(day, "")) for day, n in sorted(counts.items())}


def rows(project: str, digest: str, since: datetime, until: datetime) -> pl.DataFrame:
    """The rows of a window that this model answered, with `__outcome__` where it is known."""
    return _rows(project, digest, since, until, None)


def parts(
    project: str,
    since: datetime | None,
    until: datetime,
    columns: list[str] | None = None,
    roles: Sequence[Role] = reading.CHAMPION,
) -> Iterator[pl.DataFrame]:
    """The rows with their outcomes, some at a time: small batches are put together, for each costs a question."""
    waiting: list[pa.RecordBatch] = []
    for batch in reading.read(store.home(), project, since, until, columns, roles):
        waiting.append(batch)
        if sum(each.num_rows for each in waiting) >= ROWS:
            yield _joined(project, waiting)
            waiting = []
    if waiting:
        yield _joined(project, waiting)


def _rows(
    project: str, digest: str, since: datetime | None, until: datetime, columns: list[str] | None
) -> pl.DataFrame:
    import polars as pl

    batches = list(reading.read(store.home(), project, since, until, columns))
    if not batches:
        return pl.DataFrame(
            schema=dict.fromkeys([*COUNTED, "__outcome__"], pl.String) | {"__time__": pl.Datetime("us", "UTC")}
        )
    return _joined(project, batches).filter(pl.col("__digest__") == digest).sort("__time__", "__id__")


def _joined(project: str, batches: list[pa.RecordBatch]) -> pl.DataFrame:
    import polars as pl

    found = cast("pl.DataFrame", pl.from_arrow(outcomes.joined(reading.table(batches), project)))
    return found.with_columns(pl.col(pl.Categorical).cast(pl.String))


def moments(project: str, since: datetime, until: datetime) -> pl.Series:
    """When the champion's rows came, whichever model it was."""
    import polars as pl

    table = reading.table(reading.read(store.home(), project, since, until, ["__time__"]))
    return pl.Series("__time__", table["__time__"] if table.num_columns else [], pl.Datetime("us", "UTC"))
