"""What the prediction log and the outcomes hold of each UTC day, in one pass over a few columns."""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from typing import TYPE_CHECKING, cast

from tasks.core import outcomes, store
from tasks.core.predictions import reading
from tasks.core.records import Record

if TYPE_CHECKING:
    import polars as pl

COUNTED = ["__time__", "__digest__", "__id__", "__key__"]


class Held(Record):
    """The rows of a day, and what stands for all their outcomes: it changes when one comes or is corrected."""

    n_rows: int = 0
    outcomes: str = ""


def held(project: str, digest: str, since: datetime | None, until: datetime) -> dict[date, Held]:
    """Of each day in order that has rows which this model answered."""
    import polars as pl

    rows = _rows(project, digest, since, until, COUNTED)
    days: dict[date, Held] = {}
    for (day,), found in rows.with_columns(pl.col("__time__").dt.date().alias("day")).group_by("day"):
        known = found.filter(pl.col("__outcome__").is_not_null()).sort("__id__")
        text = known.select("__id__", "__outcome__").write_csv(include_header=False) if known.height else ""
        stands = hashlib.sha256(text.encode()).hexdigest() if text else ""
        days[cast("date", day)] = Held(n_rows=found.height, outcomes=stands)
    return dict(sorted(days.items()))


def rows(project: str, digest: str, since: datetime, until: datetime) -> pl.DataFrame:
    """The rows of a window that this model answered, with `__outcome__` where it is known."""
    return _rows(project, digest, since, until, None)


def _rows(
    project: str, digest: str, since: datetime | None, until: datetime, columns: list[str] | None
) -> pl.DataFrame:
    import polars as pl

    table = reading.table(reading.read(store.home(), project, since, until, columns))
    if not table.num_columns:
        return pl.DataFrame(
            schema=dict.fromkeys([*COUNTED, "__outcome__"], pl.String) | {"__time__": pl.Datetime("us", "UTC")}
        )
    found = cast("pl.DataFrame", pl.from_arrow(outcomes.joined(table, project)))
    found = found.with_columns(pl.col(pl.Categorical).cast(pl.String))
    return found.filter(pl.col("__digest__") == digest).sort("__time__", "__id__")


def moments(project: str, since: datetime, until: datetime) -> pl.Series:
    """When the champion's rows came, whichever model it was."""
    import polars as pl

    table = reading.table(reading.read(store.home(), project, since, until, ["__time__"]))
    return pl.Series("__time__", table["__time__"] if table.num_columns else [], pl.Datetime("us", "UTC"))
