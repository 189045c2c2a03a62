"""How right a window's answers were by the outcomes that are known so far, and how it was served."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.core.predictions.layout import folder_of
from tasks.core.predictions.refusals import read_refusals
from tasks.monitoring.window_report import Performance, Service

if TYPE_CHECKING:
    import polars as pl

    from tasks.core.model_records import ModelCard

FEWEST = 20
"""Labels: of fewer no figure is told, for its interval would hold anything."""


def performance(rows: pl.DataFrame, card: ModelCard) -> Performance:
    """The figures of a test, with their intervals, over the logged rows whose `__outcome__` is known.

    An outcome that is none of the model's classes, or no number, is left out.
    """
    import numpy as np
    import polars as pl

    from tasks.core.metrics import intervals
    from tasks.scoring.judging import metrics_of

    classes = card.target.classes
    if classes:
        places = {name: float(place) for place, name in enumerate(classes)}
        truth = pl.col("__outcome__").replace_strict(places, default=None, return_dtype=pl.Float64)
    else:
        truth = pl.col("__outcome__").cast(pl.Float64, strict=False)
    known = rows.with_columns(truth.alias("truth")).filter(pl.col("truth").is_finite())
    if known.height < FEWEST:
        return Performance(n_labels=known.height, metrics=())
    y = known["truth"].to_numpy()
    said = np.array(known["__outputs__"].to_list(), np.float64) if classes else known["__prediction__"].to_numpy()
    figures, _ = intervals(metrics_of(card.target.problem, card.metric), y, said, 0, card.threshold)
    return Performance(n_labels=known.height, metrics=figures)


def service(home: Path, project: str, rows: pl.DataFrame, since: datetime, until: datetime) -> Service:
    """How long the rows took, and how many requests were refused meanwhile."""
    took = rows["__latency_us__"].drop_nulls() / 1e3
    p50, p99 = (took.quantile(share, "linear") for share in (0.5, 0.99))
    refused = read_refusals(folder_of(home, project), since, until)
    return Service(p50_ms=p50, p99_ms=p99, n_refused=sum(each.n_requests for each in refused))
