"""How a new champion does in its first days, against the version before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast

from tasks.core import lineage, promotion, store
from tasks.core.ledger import Entry
from tasks.core.model_records import Champion
from tasks.core.predictions import reading
from tasks.core.predictions.layout import folder_of
from tasks.core.predictions.refusals import read_refusals
from tasks.monitoring.service import Service, service
from tasks.retraining.rolling_back import FIRST
from tasks.retraining.verdict import Live

if TYPE_CHECKING:
    import polars as pl

TOLD = timedelta(days=28)
"""How long outcomes may tell that the version before does better: many come late."""
BEFORE = timedelta(days=7)
"""Of the version before, that the new one is held against: a week has every weekday."""


def living(project: str, champion: Champion, serving: Entry | None, now: datetime) -> Live | None:
    """The champion's figures while it is new; None for one that was itself rolled back to, and after four weeks.

    After its first 48 hours only what served before it is told, which outcomes that come late are compared by.
    """
    if serving is None or serving.decision != "champion" or now - serving.at > TOLD:
        return None
    earlier = promotion.earlier(project)
    if now - serving.at > FIRST:
        return Live(since=serving.at, previous=earlier.version if earlier else None)
    present = _served(project, (champion.artifact.digest,), serving.at, now)
    before = lineage.answering(project, earlier.digest) if earlier else ()
    past = _served(project, before, serving.at - BEFORE, serving.at) if earlier else None
    known = past is not None and past.n_answered > 0
    return Live(
        since=serving.at,
        n_requests=present.n_answered + present.n_failed + present.n_refused,
        error_rate=present.error_rate,
        refusal_rate=present.refusal_rate,
        latency_p95=present.latency.p95 if present.latency else None,
        before_error_rate=past.error_rate if past and known else None,
        before_refusal_rate=past.refusal_rate if past and known else None,
        before_latency_p95=past.latency.p95 if past and past.latency else None,
        previous=earlier.version if earlier else None,
    )


def _served(project: str, digests: Sequence[str], since: datetime, until: datetime) -> Service:
    """What was answered by these models, and what was not by whichever it was."""
    import polars as pl

    columns = ["__time__", "__latency_us__", "__digest__"]
    table = reading.table(reading.read(store.home(), project, since, until, columns))
    rows = (
        cast("pl.DataFrame", pl.from_arrow(table)).filter(pl.col("__digest__").cast(pl.String).is_in(digests))
        if table.num_columns
        else pl.DataFrame(schema={"__time__": pl.Datetime("us", "UTC"), "__latency_us__": pl.Int64})
    )
    return service(rows, read_refusals(folder_of(store.home(), project), since, until), since, until)
