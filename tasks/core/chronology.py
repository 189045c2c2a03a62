"""Rows in the order of time: the newest are the test; a gap lies before what judges; equal times are never torn."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.core.errors import DataError
from tasks.core.splits import BEFORE_GAP, LEFT_OUT, TEST, TRAIN, VALIDATION, Assignment, TimeSplit, seconds

Times = npt.NDArray[np.float64]


def times(values: Any, name: str) -> Times:
    """Moments as microseconds, numbers as they are, NaN where they are missing; DataError for what is no time."""
    import pyarrow as pa

    if pa.types.is_string(values.type) or pa.types.is_boolean(values.type) or pa.types.is_binary(values.type):
        raise DataError(
            f"Rows cannot be split by the time in {name!r}",
            expected="dates or numbers",
            found=f"{values.type}, such as {values.drop_null()[0].as_py()!r}" if len(values.drop_null()) else "none",
            action="Write the times as 2026-01-31 or 2026-01-31 13:45:00",
        )
    if pa.types.is_temporal(values.type):
        values = values.cast(pa.timestamp("us")).cast(pa.int64())
    return values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)


def gap_of(split: TimeSplit, moments: bool) -> float:
    """The gap in the unit of `times`; DataError when one is a span and the other a number."""
    if split.gap is None:
        return 0.0
    if isinstance(split.gap, str) != moments:
        raise DataError(
            f"The gap in the times of {split.column!r} cannot be {split.gap}",
            expected="a span such as 7d, for it holds dates" if moments else "a number, as the column holds",
            action="Correct `split.gap` in project.yaml",
        )
    return seconds(split.gap) * 1e6 if isinstance(split.gap, str) else split.gap


def by_time(times: Times, split: TimeSplit, gap: float = 0.0) -> Assignment:
    """Parts and folds in the order of `times` (none missing); the cuts are between different times.

    There are fewer folds when a fold would lie within the gap as a whole.
    """
    moments, which, counts = np.unique(times, return_inverse=True, return_counts=True)
    if len(moments) < 3:
        raise DataError(
            f"Rows cannot be split by the time in {split.column!r}",
            expected="at least 3 different times",
            found=f"{len(moments)}",
            action="Split by another column, or leave `split` out",
        )
    n_after = np.cumsum(counts[::-1])[::-1]
    """How many rows are as new as this moment or newer."""
    test = _nearest(n_after, split.test * len(times), 2, len(moments) - 1)
    validation = _nearest(n_after, (split.test + split.validation) * len(times), 1, test - 1)
    part = np.full(len(moments), TRAIN, np.uint8)
    part[validation:test], part[test:] = VALIDATION, TEST
    for begin, before in ((validation, TRAIN), (test, VALIDATION)):
        part[(part == before) & (moments > moments[begin] - gap)] = LEFT_OUT
    fold = np.zeros(len(moments), np.uint8)
    train = part == TRAIN
    fold[train] = _folds(moments[train], counts[train], split.n_folds, gap)
    return Assignment(part[which], fold[which])


def _folds(moments: Times, counts: npt.NDArray[np.int64], n_folds: int, gap: float) -> npt.NDArray[np.uint8]:
    n_before = np.cumsum(counts) - counts
    n_rows = max(int(counts.sum()), 1)
    for n in range(n_folds, 1, -1):
        fold = np.minimum(n_before * n // n_rows, n - 1)
        begins = moments[np.flatnonzero(np.diff(fold, prepend=-1))]
        if not gap:
            return fold.astype(np.uint8)
        if (begins[1:] - gap >= begins[:-1]).all():
            ends = np.append(begins[1:], np.inf)[np.searchsorted(begins, moments, side="right") - 1]
            return (fold + BEFORE_GAP * (moments > ends - gap)).astype(np.uint8)
    return np.zeros(len(moments), np.uint8)


def _nearest(n_after: npt.NDArray[np.int64], wanted: float, low: int, high: int) -> int:
    """The cut from `low` to `high` that leaves nearest to `wanted` rows after it."""
    return low + int(np.argmin(np.abs(n_after[low : high + 1] - wanted)))
