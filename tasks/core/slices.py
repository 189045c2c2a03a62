"""The parts of the rows where a model does worst, told from those that only look bad by chance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tasks.core.measures import Array, Rows
from tasks.core.metrics import measure, spread, value
from tasks.core.records import Feature, Slice

LEAST_ROWS = 30
"""A slice of fewer rows has an interval so wide that it says nothing."""
LEAST_SHARE = 0.01
JUDGED = 40
"""Slices that get an interval: the worst by their figure alone."""

_BINS = 4


class _Part(NamedTuple):
    feature: str
    value: str
    rows: npt.NDArray[np.bool_]


def worst_slices(
    metric: str,
    y: Rows,
    predicted: Rows,
    matrix: Array,
    features: Sequence[Feature],
    *,
    seed: int,
    threshold: float = 0.5,
    n_kept: int = 20,
) -> tuple[tuple[Slice, ...], int]:
    """The `n_kept` worst slices, the surest first, and how many were looked at.

    A slice is a category's level, a truth value, or a quarter of a number's or a date's range of values. The bounds
    hold for all slices looked at together (Bonferroni), so the surest is the one whose better bound is the worst.
    """
    sign = 1.0 if measure(metric).greater_is_better else -1.0
    least = max(LEAST_ROWS, int(LEAST_SHARE * len(y)))
    found: list[tuple[float, _Part]] = []
    n_slices = 0
    for part in _parts(matrix, features):
        n_rows = int(part.rows.sum())
        if least <= n_rows < len(y):
            score = value(metric, y[part.rows], predicted[part.rows], threshold)
            if not np.isnan(score):
                n_slices += 1
                found.append((score, part))
                # The masks of thousands of slices would outweigh the data.
                if len(found) > 4 * JUDGED:
                    found = sorted(found, key=lambda item: sign * item[0])[:JUDGED]
    width = NormalDist().inv_cdf(1 - 0.025 / max(n_slices, 1))
    slices: list[Slice] = []
    for score, part in sorted(found, key=lambda item: sign * item[0])[:JUDGED]:
        error = width * spread(metric, y[part.rows], predicted[part.rows], seed, threshold)
        n_rows = int(part.rows.sum())
        slices.append(
            Slice(
                feature=part.feature,
                value=part.value,
                n_rows=n_rows,
                score=score,
                low=score - error,
                high=score + error,
            )
        )
    slices.sort(key=lambda each: sign * (each.high if sign > 0 else each.low))
    return tuple(slices[:n_kept]), n_slices


def _parts(matrix: Array, features: Sequence[Feature]) -> Iterator[_Part]:
    for index, feature in enumerate(features):
        column = matrix[:, index]
        missing = np.isnan(column)
        if missing.any():
            yield _Part(feature.name, "(missing)", missing)
        yield from _levels(column, feature) if feature.kind in ("category", "boolean") else _bins(column, feature)


def _levels(column: Array, feature: Feature) -> Iterator[_Part]:
    names = dict(enumerate(feature.levels if feature.kind == "category" else ("false", "true")))
    codes, counts = np.unique(column[~np.isnan(column)], return_counts=True)
    for code in codes[counts >= LEAST_ROWS]:
        yield _Part(feature.name, names.get(int(code), "(unknown)"), column == code)


def _bins(column: Array, feature: Feature) -> Iterator[_Part]:
    present = column[~np.isnan(column)]
    if len(present) == 0:
        return
    edges = np.unique(np.quantile(present, np.linspace(0, 1, _BINS + 1), method="inverted_cdf"))
    named = [_date(edge) if feature.kind == "date" else f"{edge:.4g}" for edge in edges]
    if len(edges) == 1:
        yield _Part(feature.name, named[0], column == edges[0])
    for low, high, first, last in zip(edges, edges[1:], named, named[1:], strict=False):
        lowest = low == edges[0]
        rows = (column >= low if lowest else column > low) & (column <= high)
        yield _Part(feature.name, f"{first} to {last}" if lowest else f"over {first} to {last}", rows)


def _date(days: float) -> str:
    try:
        return (date(1970, 1, 1) + timedelta(days=float(days))).isoformat()
    except OverflowError:
        return f"day {days:.4g}"
