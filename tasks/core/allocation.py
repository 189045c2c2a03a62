"""Rows at random, but the same for ever: by their hash alone, or so that each class comes in its share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tasks.core.errors import DataError
from tasks.core.row_hash import Hashes, mix
from tasks.core.splits import LEFT_OUT, TEST, TRAIN, VALIDATION, Shares

if TYPE_CHECKING:
    import pyarrow as pa

Codes = npt.NDArray[np.int64]
Parts = npt.NDArray[np.uint8]

COUNTED = 10_000
"""So many rows of a class are counted into their parts; beyond, chance alone is within half a percent."""
SLACK, GROWTH = 0.6, 0.25
"""By how many rows a part of a class may be off before the next row goes where one lacks: with 0.6 each part has one
of the first five rows; then a quarter of the root of the rows, about half of what chance alone would be off by. With
0.6 throughout, half of the places would not be those of the hashes, and a row taken out would move 70 of 100 after it;
so it moves 9."""
N_BINS = 10
FIRST_BIN = 16
"""Rows of which no number is known to be large or small."""

_NAMES = {
    "train": TRAIN,
    "training": TRAIN,
    "validation": VALIDATION,
    "valid": VALIDATION,
    "val": VALIDATION,
    "dev": VALIDATION,
    "test": TEST,
    "testing": TEST,
}


def by_hash(hashes: Hashes, split: Shares) -> Parts:
    """A part for each hash: equal hashes are never apart, and what comes later moves none."""
    place = _shares(hashes)
    part = np.select([place < split.test, place < split.test + split.validation], [TEST, VALIDATION], TRAIN)
    return part.astype(np.uint8)


def by_class(classes: Codes, hashes: Hashes, split: Shares) -> Parts:
    """A part for each row, in their order: of every class, at any time, each part has about its share.

    A row goes where its hash says, unless that part of its class is too full or another lacks rows: the "big stick"
    of Soares and Wu ("Some restricted randomization rules in sequential designs", 1983). So rows at the end move none
    before them. The first row of a class trains: a class that is not learned cannot be answered.
    """
    part = by_hash(hashes, split)
    shares = (1 - split.test - split.validation, split.validation, split.test)
    order = np.argsort(classes, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(classes[order])) + 1):
        counted = rows[:COUNTED]
        part[counted] = _counted(part[counted].tolist(), shares)
    return part


def _counted(wishes: list[int], shares: tuple[float, float, float]) -> list[int]:
    lacking = [0.0, 0.0, 0.0]
    places: list[int] = []
    for wish in wishes:
        lacking = [lacks + share for lacks, share in zip(lacking, shares, strict=True)]
        most = max(lacking)
        slack = max(SLACK, GROWTH * len(places) ** 0.5)
        place = wish if most <= slack and lacking[wish] >= 1 - slack - 1e-9 else lacking.index(most)
        lacking[place] -= 1
        places.append(place)
    return places


def tenths(values: npt.NDArray[np.float64]) -> Codes:
    """For each number, in their order, which tenth it is in of those that came before its doubling.

    The first 16 are in one; the tenths of these sort the next 16, those of all 32 the next 32, and so on: later
    numbers change nothing.
    """
    bins = np.zeros(len(values), np.int64)
    known = FIRST_BIN
    while known < len(values):
        edges = np.quantile(values[:known], np.arange(1, N_BINS) / N_BINS)
        bins[known : 2 * known] = np.searchsorted(edges, values[known : 2 * known], side="right")
        known *= 2
    return bins


def named_parts(values: pa.Array[Any], column: str) -> Parts:
    """The part that each value names, LEFT_OUT for a missing one; DataError for values that name none."""
    import polars as pl
    import pyarrow as pa

    texts = pl.Series(values.cast(pa.string()) if not pa.types.is_binary(values.type) else values.is_valid())
    different = texts.cast(pl.String).unique().drop_nulls().sort()
    named = {value: _NAMES.get(value.strip().lower()) for value in different if value.strip()}
    unknown = [value for value, part in named.items() if part is None]
    if unknown:
        raise DataError(
            f"Rows cannot be split by what {column!r} says",
            expected="train, validation (or val, valid, dev) and test",
            found=", ".join(repr(value) for value in unknown[:5]) + (" and others" if len(unknown) > 5 else ""),
            action="Correct the values, or split by something else",
        )
    found = texts.cast(pl.String).replace_strict(named, default=LEFT_OUT, return_dtype=pl.UInt8)
    return found.fill_null(LEFT_OUT).to_numpy()


def validation_by_hash(hashes: Hashes, part: Parts, share: float) -> Parts:
    """The parts, with this share of the training rows for validation."""
    return np.where((part == TRAIN) & (_shares(hashes) < share), VALIDATION, part).astype(np.uint8)


def folds(units: Hashes, n_folds: int, classes: Codes | None = None) -> Parts:
    """A fold for each training row; rows of one unit share it, and each class is in all folds alike.

    Units dealt out in turn, so that even a dozen groups fill all folds; their hashes are mixed again, or neighbours
    in the order of the hash would meet. Folds, unlike parts, may change when rows come.
    """
    import polars as pl

    mixed = pl.Series(mix(units))
    place = mixed.rank("dense").to_numpy().astype(np.int64) - 1
    if classes is not None:
        first = np.flatnonzero(mixed.is_first_distinct().to_numpy())
        first = first[np.argsort(place[first])]
        turn = np.empty(len(first), np.int64)
        turn[np.argsort(classes[first], kind="stable")] = np.arange(len(first))
        place = turn[place]
    return (place % n_folds).astype(np.uint8)


def _shares(hashes: Hashes) -> npt.NDArray[np.float64]:
    return (hashes >> np.uint64(11)).astype(np.float64) * 2.0**-53
