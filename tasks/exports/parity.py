"""The rows on which an exported model must answer as the fitted one did, and by how much two answers differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.core.records import Feature, FeatureKind
from tasks.modalities import MODALITIES
from tasks.modalities.matrix import matrix, spans, width
from tasks.modalities.values import UNSEEN

if TYPE_CHECKING:
    import polars as pl

TOLERANCE = 1e-9
"""Everything is computed in float64 on both sides: what differs by more is another model, not rounding."""
MOST_ROWS = 2_000
LEAST_ROWS, MOST_CELLS = 400, 6_000_000
"""Of a wide matrix fewer rows are asked."""
REAL_ROWS = 800

STRANGE: dict[FeatureKind, tuple[float, ...]] = {
    "number": (np.nan, 1e30, -1e30, 0.0, 1e-30, -1e-30),
    "date": (np.nan, 1e30, -1e30, 0.0),
    "boolean": (np.nan, 0.0, 1.0),
    "category": (np.nan, UNSEEN, 0.0),
}


def parity_rows(frame: pl.DataFrame, features: Sequence[Feature]) -> NDArray[np.float64]:
    """At most 2,000 rows of the matrix: real ones, all missing, and each column strange alone in an else real row.

    Strange is missing, unseen for a category, and extreme for a number. The same frame gives the same rows.
    """
    return strange_rows(matrix(frame[_evenly(frame.height, REAL_ROWS)], features), features)


def strange_rows(real: NDArray[np.float64], features: Sequence[Feature]) -> NDArray[np.float64]:
    """The real rows of a matrix, and the strange ones that are made of them."""
    n_rows = min(MOST_ROWS, max(LEAST_ROWS, MOST_CELLS // width(features)))
    real = real[_evenly(len(real), n_rows // 2)]
    base = real if len(real) else np.zeros((1, width(features)))
    room = n_rows - len(real) - 1
    changes: list[tuple[int, float]] = []
    for turn in _turns(features):
        changes += [turn[i] for i in _evenly(len(turn), room - len(changes))]
    strange = base[np.arange(len(changes)) % len(base)]
    for row, (column, value) in zip(strange, changes, strict=True):
        row[column] = value
    return np.concatenate([real, np.full((1, width(features)), np.nan), strange])


def largest_difference(expected: Any, found: Any) -> float:
    """The largest |a - b| / max(1, |a|): absolute for probabilities, relative for large predictions.

    Two that are both NaN, or the same infinity, do not differ; a shape or one NaN that differs is infinite.
    """
    a, b = np.asarray(expected, dtype=float), np.asarray(found, dtype=float)
    if a.shape != b.shape:
        return np.inf
    if a.size == 0:
        return 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.abs(a - b) / np.maximum(1.0, np.abs(a))
    difference[(a == b) | (np.isnan(a) & np.isnan(b))] = 0.0
    return float(np.nan_to_num(difference, nan=np.inf).max())


def _turns(features: Sequence[Feature]) -> Iterator[list[tuple[int, float]]]:
    """Which column takes which strange value: all columns' first values, then all second ones, and so on."""
    strange = [
        (column, STRANGE[feature.kind] if feature.kind in STRANGE else MODALITIES[feature.kind].strange)
        for feature, span in zip(features, spans(features), strict=True)
        for column in range(span.start, span.stop)
    ]
    for turn in range(max((len(values) for _, values in strange), default=0)):
        yield [(column, values[turn]) for column, values in strange if turn < len(values)]


def _evenly(n: int, wanted: int) -> NDArray[np.intp]:
    """At most `wanted` positions among n, first and last included."""
    return np.linspace(0, n - 1, min(n, max(0, wanted))).astype(np.intp)
