"""Which rows train, which choose and which judge; decided for each row by itself, or by its time.

By hash and by group, a row's place follows from the row alone: rows that come later move none, so a row that was in
test once never comes into train. By time, the newest rows are the test, and equal times are never torn apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from tasks.core.errors import DataError
from tasks.core.records import Record

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

TRAIN, VALIDATION, TEST, LEFT_OUT = 0, 1, 2, 3

Share = Annotated[float, Field(gt=0, lt=0.5)]


class _Shares(Record):
    test: Share = 0.2
    validation: Share = 0.16
    """A fifth of what is not test."""
    n_folds: int = Field(default=4, ge=2, le=20)
    """With four folds each fit sees three quarters of the training rows, at four fifths of the cost of five."""


class HashSplit(_Shares):
    """Rows at random, by the hash of their input values: rows that are equal stay together."""

    by: Literal["hash"] = "hash"


class TimeSplit(_Shares):
    """The newest rows are the test, those before them the validation; the folds are blocks in the order of time."""

    by: Literal["time"]
    column: str


class GroupSplit(_Shares):
    """All rows with the same value of `column` stay together, so the test is on groups never seen."""

    by: Literal["group"]
    column: str


Split = Annotated[HashSplit | TimeSplit | GroupSplit, Field(discriminator="by")]


@dataclass(frozen=True)
class Assignment:
    """For each row its part (TRAIN, VALIDATION, TEST or LEFT_OUT), and for training rows the fold."""

    part: npt.NDArray[np.uint8]
    fold: npt.NDArray[np.uint8]


def by_hash(hashes: npt.NDArray[np.uint64], split: _Shares) -> Assignment:
    """Parts and folds from a hash a row; equal hashes are never apart."""
    import numpy as np

    from tasks.core.row_hash import mix

    place = (hashes >> np.uint64(11)).astype(np.float64) * 2.0**-53
    part = np.select([place < split.test, place < split.test + split.validation], [TEST, VALIDATION], TRAIN)
    # Hashes dealt out in turn, so that even a dozen groups fill all folds; mixed again, or neighbours in the order of
    # the hash would meet. Folds, unlike parts, may change when rows come.
    fold = np.zeros(len(hashes), np.uint8)
    training = part == TRAIN
    fold[training] = np.unique(mix(hashes[training]), return_inverse=True)[1] % split.n_folds
    return Assignment(part.astype(np.uint8), fold)


def by_time(times: npt.NDArray[Any], split: TimeSplit) -> Assignment:
    """Parts and folds in the order of `times` (none missing); the cuts are between different times."""
    import numpy as np

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
    n_before = np.cumsum(counts) - counts
    fold = np.minimum(n_before * split.n_folds // n_before[validation], split.n_folds - 1)
    return Assignment(part[which], fold.astype(np.uint8)[which])


def _nearest(n_after: npt.NDArray[np.int64], wanted: float, low: int, high: int) -> int:
    """The cut from `low` to `high` that leaves nearest to `wanted` rows after it."""
    import numpy as np

    return low + int(np.argmin(np.abs(n_after[low : high + 1] - wanted)))
