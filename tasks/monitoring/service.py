"""How a model was served in a window: how fast, how often not, and how old it all is. From the log and the refusals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from tasks.core.predictions.moments import aware
from tasks.core.predictions.refusals import RefusedRequests
from tasks.core.records import Record

BUSY = 10
"""Rows an hour from which an hour without any is one that is missing."""


class Latency(Record):
    """Milliseconds that half, 95 and 99 of a hundred requests took at most."""

    p50: float
    p95: float
    p99: float


class Span(Record):
    """From `since` to `until`."""

    since: datetime
    until: datetime


class Service(Record):
    """`n_failed` requests were answered with 5xx, `n_refused` with 4xx; rates are of these and the answered rows.

    Throughput is in rows a second: the mean, and of the busiest minute. `missing` are whole hours without a row between
    hours that usually have some. Ages are in days at the window's end, None where nothing is known.
    """

    n_answered: int
    n_failed: int
    n_refused: int
    latency: Latency | None
    error_rate: float
    refusal_rate: float
    refused: tuple[tuple[str, int], ...]
    """Why, with the field, the commonest first."""
    throughput: float
    busiest: float
    missing: tuple[Span, ...]
    versions: tuple[tuple[str, int], ...]
    model_age: float | None
    data_age: float | None
    label_age: float | None


def service(
    rows: pl.DataFrame,
    refusals: Sequence[RefusedRequests],
    since: datetime,
    until: datetime,
    *,
    serves_since: datetime | None = None,
    data_until: datetime | None = None,
    labels_until: datetime | None = None,
) -> Service:
    """The figures of logged rows (`__time__`, `__latency_us__`, `__version__`) of since <= time < until.

    `serves_since` is when the model became the champion (`Roles.since`), `data_until` the newest moment in its training
    rows, and `labels_until` that of the newest outcome.
    """
    since, until = aware(since), aware(until)
    n = rows.height
    failed = sum(each.n_requests for each in refusals if each.status >= 500)
    refused = sum(each.n_requests for each in refusals if 400 <= each.status < 500)
    asked = max(n + failed + refused, 1)
    reasons: Counter[str] = Counter()
    for each in refusals:
        reasons[f"{each.field}: {each.what}" if each.field else each.what] += each.n_requests
    seconds = rows["__time__"].dt.epoch("us").to_numpy() / 1e6 if n else np.empty(0)
    minutes = np.bincount(((seconds - since.timestamp()) // 60).astype(np.intp).clip(0)) if n else np.zeros(1)
    versions: dict[str, int] = {}
    if n and "__version__" in rows.columns:
        versions = dict(rows["__version__"].cast(pl.String).value_counts().iter_rows())
    return Service(
        n_answered=n,
        n_failed=failed,
        n_refused=refused,
        latency=_latency(rows),
        error_rate=failed / asked,
        refusal_rate=refused / asked,
        refused=tuple(reasons.most_common(10)),
        throughput=n / max((until - since).total_seconds(), 1e-9),
        busiest=float(minutes.max()) / 60,
        missing=tuple(_missing(seconds, since, until)),
        versions=tuple(sorted(versions.items())),
        model_age=_days(serves_since, until),
        data_age=_days(data_until, until),
        label_age=_days(labels_until, until),
    )


def _latency(rows: pl.DataFrame) -> Latency | None:
    if "__latency_us__" not in rows.columns or not rows["__latency_us__"].drop_nulls().len():
        return None
    took = rows["__latency_us__"].drop_nulls().to_numpy() / 1e3
    p50, p95, p99 = (float(each) for each in np.quantile(took, (0.5, 0.95, 0.99)))
    return Latency(p50=p50, p95=p95, p99=p99)


def _missing(seconds: np.ndarray, since: datetime, until: datetime) -> list[Span]:
    """Hours without a row where the window's hours have some as a rule."""
    n_hours = int((until - since).total_seconds() // 3_600)
    if n_hours < 3:
        return []
    hours = ((seconds - since.timestamp()) // 3_600).astype(np.intp)
    counts = np.bincount(hours[(hours >= 0) & (hours < n_hours)], minlength=n_hours)
    if np.median(counts) < BUSY:
        return []
    found: list[Span] = []
    for hour in np.flatnonzero(counts == 0).tolist():
        start = since + timedelta(hours=hour)
        if found and found[-1].until == start:
            found[-1] = found[-1].model_copy(update={"until": start + timedelta(hours=1)})
        else:
            found.append(Span(since=start, until=start + timedelta(hours=1)))
    return found


def _days(moment: datetime | None, until: datetime) -> float | None:
    return None if moment is None else (until - aware(moment)).total_seconds() / 86_400
