"""A column's values as a few codes, whatever its type: bins of alike many rows, the common levels, and missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import polars as pl

    from tasks.core.records import FeatureKind
    from tasks.examining.association import Codes, Numbers

BINS = 10
ROWS_PER_BIN = 30
LEVELS = 50
"""A category's commoner levels; the rest count as one."""
LEAST_ROWS = 10
"""A bin or level of fewer rows is taken together with others: tests over such small counts promise too much."""

UNJUDGED: tuple[FeatureKind, ...] = ("text", "sentences", "image", "sound", "component")
"""What is no one value a row."""


def coded(values: pl.Series) -> Codes:
    """A code a row from 0 on; -1 for rows that are too few to be a group. Equal for every rising scale of a number."""
    import polars as pl

    missing = values.is_null().to_numpy()
    if values.dtype == pl.String:
        codes = _levels(values)
    else:
        numbers = values.to_physical() if values.dtype.is_temporal() else values
        numbers = numbers.cast(pl.Float64).to_numpy()
        missing = missing | np.isnan(numbers)
        codes = np.full(len(values), -1, np.int64)
        codes[~missing] = binned(numbers[~missing])
    if missing.sum() >= LEAST_ROWS:
        codes[missing] = codes.max(initial=-1) + 1
    return codes


def _levels(values: pl.Series) -> Codes:
    import polars as pl

    name = values.name
    counted = values.drop_nulls().value_counts().sort(["count", name], descending=[True, False])
    kept = counted.head(LEVELS).filter(pl.col("count") >= LEAST_ROWS)[name]
    # What is no kept level becomes missing in the enumeration, and is told from what was missing before.
    codes = values.cast(pl.Enum(kept), strict=False).to_physical().cast(pl.Int64).fill_null(-1).to_numpy().copy()
    others = (codes < 0) & values.is_not_null().to_numpy()
    if others.sum() >= LEAST_ROWS:
        codes[others] = len(kept)
    return codes


def binned(numbers: Numbers) -> Codes:
    """The bin of each number (none missing): values themselves where they are few, else quantiles."""
    if not len(numbers):
        return np.zeros(0, np.int64)
    n_bins = int(np.clip(len(numbers) // ROWS_PER_BIN, 2, BINS))
    ordered = np.sort(numbers)
    different = ordered[np.flatnonzero(np.diff(ordered, prepend=-np.inf))]
    if len(different) <= BINS:
        edges = different
    else:
        edges = ordered[len(ordered) * np.arange(1, n_bins) // n_bins]
        # A value so common that it fills a bin is a bin, whichever end it stands at.
        common = edges[:-1][edges[1:] == edges[:-1]]
        edges = np.unique(np.concatenate([edges, np.nextafter(common, -np.inf)]))
    codes = np.searchsorted(edges, numbers)
    return _joined(np.bincount(codes))[codes]


def _joined(counts: Codes) -> Codes:
    """The new code of each bin when bins of too few rows are joined with the next, and the last with the one before."""
    new, code, n_rows = np.zeros(len(counts), np.int64), 0, 0
    for index, count in enumerate(counts):
        if n_rows >= LEAST_ROWS:
            code, n_rows = code + 1, 0
        new[index] = code
        n_rows += int(count)
    if n_rows < LEAST_ROWS and code:
        new[new == code] = code - 1
    return new
