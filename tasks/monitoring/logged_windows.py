"""What the prediction log and the outcomes hold of each UTC day, in one pass over a few columns."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, cast

from tasks.core import lineage, store
from tasks.core import outcomes as known
from tasks.core.predictions import reading
from tasks.core.predictions.segment import Role
from tasks.core.records import Record
from tasks.monitoring.incident_timing_facts import Arrivals
from tasks.monitoring.spread import Spread

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

COUNTED = ["__time__", "__digest__", "__id__", "__key__"]
ANSWERED = [
    *("__time__", "__id__", "__version__", "__latency_us__"),
    *("__prediction__", "__outputs__", "__outcome__", "__outcome_at__"),
]
"""What figures on answers and service are made of."""
CORRECTED = "__corrected__"
"""Whether a correction answered the row in the model's place."""
ROWS = 65_536
"""Rows whose outcomes are asked for at a time."""


class Held(Record):
    """The rows of a day, and what stands for all their outcomes: it changes when one comes or is corrected."""

    n_rows: int = 0
    outcomes: str = ""


def held(project: str, digest: str, since: datetime | None, until: datetime) -> dict[date, Held]:
    """Of each day in order that has rows which this model answered, or its corrections; memory grows with the outcomes
    alone.
    """
    import polars as pl

    answering = lineage.answering(project, digest)
    counts: Counter[date] = Counter()
    told: list[pl.DataFrame] = []
    for rows in parts(project, since, until, COUNTED):
        rows = rows.filter(pl.col("__digest__").is_in(answering))
        rows = rows.select(pl.col("__time__").dt.date().alias("day"), "__id__", "__outcome__")
        for day, n_rows in rows["day"].value_counts().iter_rows():
            counts[day] += n_rows
        told.append(rows.filter(pl.col("__outcome__").is_not_null()))
    stands: dict[date, str] = {}
    if told:
        for (day,), found in pl.concat(told).group_by("day"):
            text = found.sort("__id__").select("__id__", "__outcome__").write_csv(include_header=False)
            stands[cast("date", day)] = hashlib.sha256(text.encode()).hexdigest()
    return {day: Held(n_rows=n, outcomes=stands.get(day, "")) for day, n in sorted(counts.items())}


@dataclass(frozen=True)
class LoggedDay:
    """A window's rows with their outcomes: of all of them the columns `ANSWERED`, and whole those that fit into memory
    (`spread`), in the order of time."""

    answered: pl.DataFrame
    rows: pl.DataFrame

    @property
    def is_whole(self) -> bool:
        """Whether every row is there with all of its columns."""
        return self.rows.height == self.answered.height


def day(project: str, digest: str, since: datetime, until: datetime) -> LoggedDay:
    """What this model, or its corrections, answered in the window."""
    import polars as pl

    spread, slim = Spread(), list[pl.DataFrame]()
    for rows in answered(project, digest, since, until):
        spread.add(rows)
        some = rows.select(name for name in ANSWERED if name in rows.columns).sort("__time__", "__id__")
        slim.append(some.with_columns(pl.col("__version__").cast(pl.Categorical)))
    if not spread.n_rows:
        nothing = pl.DataFrame(schema=dict.fromkeys(ANSWERED, pl.String) | {"__time__": pl.Datetime("us", "UTC")})
        return LoggedDay(nothing, nothing)
    whole = spread.rows().sort("__time__", "__id__")
    return LoggedDay(whole if spread.is_whole else pl.concat(slim, rechunk=False), whole)


def answered(
    project: str, digest: str, since: datetime, until: datetime, outcomes: bool = True
) -> Iterator[pl.DataFrame]:
    """The rows that this model or its corrections answered, some at a time; with `outcomes` joined with these."""
    import polars as pl

    answering = lineage.answering(project, digest)
    for rows in parts(project, since, until, outcomes=outcomes):
        found = rows.filter(pl.col("__digest__").is_in(answering))
        found = found.with_columns((pl.col("__digest__") != digest).alias(CORRECTED)).drop("__digest__")
        if found.height:
            yield found


def parts(
    project: str,
    since: datetime | None,
    until: datetime,
    columns: list[str] | None = None,
    roles: Sequence[Role] = reading.CHAMPION,
    outcomes: bool = True,
) -> Iterator[pl.DataFrame]:
    """The rows with their outcomes, some at a time: small batches are put together, for each costs a question."""
    waiting: list[pa.RecordBatch] = []
    n_rows = 0
    for batch in reading.read(store.home(), project, since, until, columns, roles):
        waiting.append(batch)
        n_rows += batch.num_rows
        if n_rows >= ROWS:
            yield _joined(project, waiting, outcomes)
            waiting, n_rows = [], 0
    if waiting:
        yield _joined(project, waiting, outcomes)


def _joined(project: str, batches: list[pa.RecordBatch], outcomes: bool) -> pl.DataFrame:
    import polars as pl

    table = reading.table(batches)
    found = cast("pl.DataFrame", pl.from_arrow(known.joined(table, project) if outcomes else table))
    return found.with_columns(pl.col(pl.Categorical).cast(pl.String))


def arrivals(project: str, since: datetime, until: datetime) -> Arrivals:
    """When the champion's rows came, whichever model it was."""
    found = Arrivals()
    for rows in parts(project, since, until, ["__time__"], outcomes=False):
        found.add(rows["__time__"])
    return found
