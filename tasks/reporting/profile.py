"""What a data set looks like, column by column: how much is missing, how the rest is spread."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import ceil

import numpy as np
import polars as pl
from markupsafe import Markup

from tasks.core import store
from tasks.core.figures import figure, percent
from tasks.core.records import BYTES, Column, Dataset
from tasks.reporting.small import spark

MOST_ROWS = 50_000
MOST_COLUMNS = 300
_BINS = 24
_LEVELS = 5
_LEAST_SHARE = 0.005
"""A rarer level is not worth a line: names, tickets, identifiers."""


@dataclass
class ColumnProfile:
    """One line of the table: figures in words, and the levels or a small histogram."""

    name: str
    type: str
    missing: str
    share_missing: float
    text: str
    chart: Markup | None = None
    levels: list[tuple[str, float, str]] = field(default_factory=list)
    """The commonest values, their share, and the share in words."""


@dataclass
class Profile:
    """A data set's columns, at most 300 of them, from at most 50,000 of its rows."""

    columns: list[ColumnProfile]
    n_rows_seen: int
    n_columns_left: int


def profile(dataset: Dataset) -> Profile:
    """What the data set holds. How much is missing is counted over all rows, the rest over evenly chosen ones."""
    shown = dataset.columns[:MOST_COLUMNS]
    lazy = store.scan(dataset).select(column.name for column in shown if column.type not in BYTES)
    if dataset.n_rows > MOST_ROWS:
        lazy = lazy.gather_every(ceil(dataset.n_rows / MOST_ROWS))
    frame = lazy.collect()
    columns = [_column(column, frame, dataset.n_rows) for column in shown]
    return Profile(columns, min(dataset.n_rows, frame.height or dataset.n_rows), len(dataset.columns) - len(shown))


def _column(column: Column, frame: pl.DataFrame, n_rows: int) -> ColumnProfile:
    share = column.n_missing / max(n_rows, 1)
    found = ColumnProfile(column.name, column.type, percent(share), share, "")
    if column.type in BYTES:
        found.text = "bytes" if column.type == "binary" else f"{column.type}s"
        return found
    values = frame[column.name]
    if column.type in ("number", "integer") and values.dtype == pl.String:
        values = values.cast(pl.Float64, strict=False)
    values = values.drop_nulls()
    if values.dtype.is_float():
        values = values.filter(values.is_finite())
    if not len(values):
        found.text = "no value"
    elif values.dtype.is_numeric():
        _describe_numbers(found, values)
    elif values.dtype.is_temporal():
        _describe_times(found, values)
    else:
        _describe_levels(found, values.cast(pl.String))
    return found


def _describe_numbers(found: ColumnProfile, values: pl.Series) -> None:
    numbers = values.cast(pl.Float64).to_numpy()
    low, middle, high = (float(each) for each in np.quantile(numbers, (0, 0.5, 1)))
    found.text = f"{figure(low)} to {figure(high)}, median {figure(middle)}"
    if values.n_unique() <= _LEVELS:
        found.levels = list(_levels(values.cast(pl.Float64)))
    elif low < high:
        found.chart = spark(_counts(numbers), f"{found.name}: {found.text}")


def _describe_times(found: ColumnProfile, values: pl.Series) -> None:
    found.text = f"{values.min()} to {values.max()}"
    found.chart = spark(_counts(values.to_physical().cast(pl.Float64).to_numpy()), f"{found.name}: {found.text}")


def _counts(numbers: np.ndarray) -> list[int]:
    with np.errstate(all="ignore"):
        low, high = float(numbers.min()), float(numbers.max())
        if not np.isfinite(high - low) or high - low < 1e-300 or high - low < 1e-12 * abs(high):
            return [len(numbers)]
        return np.histogram(numbers, bins=_BINS, range=(low, high))[0].tolist()


def _describe_levels(found: ColumnProfile, values: pl.Series) -> None:
    n_different = values.n_unique()
    found.text = f"{n_different:,} different"
    if n_different > 1 and n_different == len(values):
        found.text = f"all {n_different:,} different"
        return
    found.levels = [level for level in _levels(values) if level[1] >= _LEAST_SHARE]


def _levels(values: pl.Series) -> Iterator[tuple[str, float, str]]:
    """The commonest values, the commonest first: as text, share, share in words."""
    name = values.name
    counted = values.value_counts().sort(["count", name], descending=[True, False]).head(_LEVELS)
    for level, count in counted.iter_rows():
        share = count / len(values)
        text = level if isinstance(level, str) else figure(level)
        yield (text if len(text) <= 40 else text[:39] + "…"), share, percent(share)
