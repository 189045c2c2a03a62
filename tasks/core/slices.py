"""The parts of the rows where a model does worst, told from those that only look bad by chance."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tasks.core.figures import figure
from tasks.core.metrics import measure, spread, value, within
from tasks.core.model_records import Slice
from tasks.core.records import Feature
from tasks.core.weighted import Array, Rows

LEAST_ROWS = 30
"""A slice of fewer rows has an interval so wide that it says nothing."""
LEAST_SHARE = 0.01
JUDGED = 40
"""Slices that get an interval: the worst by their figure alone."""

_BINS = 4
_FEW_VALUES = 10
"""A number with no more values than this is sliced by value: a count of rooms, a month."""


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

    A slice is a category's level, a truth value, or a quarter of the rows by a number or a date. The surest is the
    one that is worse than all rows together by the most standard errors: by the figure alone the smallest slices
    would lead, and by a bound the largest.
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
    overall = value(metric, y, predicted, threshold)
    slices: list[tuple[float, Slice]] = []
    for score, part in sorted(found, key=lambda item: sign * item[0])[:JUDGED]:
        error = spread(metric, y[part.rows], predicted[part.rows], seed, threshold)
        (low, high), n_rows = within(metric, score - width * error, score + width * error), int(part.rows.sum())
        judged = Slice(feature=part.feature, value=part.value, n_rows=n_rows, score=score, low=low, high=high)
        slices.append((sign * (score - overall) / max(error, 1e-12), judged))
    slices.sort(key=lambda item: item[0])
    return tuple(each for _, each in slices[:n_kept]), n_slices


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
        other = f"bucket {code:.0f}" if feature.treatment.buckets else "(unknown)"
        yield _Part(feature.name, names.get(int(code), other), column == code)


def _bins(column: Array, feature: Feature) -> Iterator[_Part]:
    present = column[~np.isnan(column)]
    if len(present) == 0:
        return
    named = _date if feature.kind == "date" else figure
    values = np.unique(present)
    if len(values) <= _FEW_VALUES:
        for each in values:
            yield _Part(feature.name, named(each), column == each)
        return
    edges = np.unique(np.quantile(present, np.linspace(0, 1, _BINS + 1), method="inverted_cdf"))
    for low, high in itertools.pairwise(edges):
        lowest = low == edges[0]
        rows = (column >= low if lowest else column > low) & (column <= high)
        yield _Part(feature.name, f"{'' if lowest else 'over '}{named(low)} to {named(high)}", rows)


def _date(days: float) -> str:
    try:
        return (date(1970, 1, 1) + timedelta(days=float(days))).isoformat()
    except OverflowError:
        return f"day {days:.4g}"
