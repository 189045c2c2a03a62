"""Columns that say what another one says: equal, the same up to names and codes, or the same in another unit."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence

import numpy as np
import polars as pl

from tasks.examining.sampled import Numbers, Sample, are_whole, numbers

CODES = 2
"""Whole numbers are codes when their range is at most so many times their number: latitudes of cities are none."""
MOST_CODES = 1_000
AGAIN = 3
"""Times that a code comes on average, at least."""
FEW_ROWS, BLOCK = 500, 1_000
CLOSE = 0.998
"""Correlation in a few rows from which two columns are compared in all: rounding to STEPS leaves 0.9998."""
STEPS = 20
"""Rounded steps that a standard deviation must have, for a straight line through rounded values to be no chance."""


def copies(sample: Sample, without: set[str]) -> dict[str, str]:
    """Each column that repeats an earlier one, and what it repeats."""
    different = sample.n_different
    columns = [each for each in sample.train.iter_columns() if each.name not in without and different[each.name] > 1]
    found: dict[str, str] = {}
    for first, again in _same_codes(columns):
        found.setdefault(again, f"repeats `{first}`: the same values, or codes for them")
    for first, again, slope, offset in _same_lines(
        [each for each in columns if each.name not in found and different[each.name] > STEPS]
    ):
        line = f"{slope:.6g} times it {'plus' if offset >= 0 else 'minus'} {abs(offset):.6g}"
        found.setdefault(again, f"repeats `{first}`: it is {line}")
    return found


def _same_codes(columns: Iterable[pl.Series]) -> list[tuple[str, str]]:
    """Pairs of columns whose values stand for each other, one to one; of quantities, those that are equal."""
    seen: dict[Hashable, str] = {}
    pairs: list[tuple[str, str]] = []
    for values in columns:
        key = _key(values)
        if key in seen:
            pairs.append((seen[key], values.name))
        else:
            seen[key] = values.name
    return pairs


def _key(values: pl.Series) -> Hashable:
    if values.dtype == pl.String or values.dtype == pl.Boolean:
        places = values.rank("dense").fill_null(0).cast(pl.Int64).to_numpy()
        present = places > 0
    else:
        places = numbers(values)
        present = np.isfinite(places)
    different, first, which = np.unique(places[present], return_index=True, return_inverse=True)
    if not _are_codes(values, different, len(which)):
        kind = "date" if values.dtype.is_temporal() else "number"
        return kind, values.hash().to_numpy().tobytes() if values.dtype == pl.String else places.tobytes()
    # Codes in the order in which they come first: whatever they are called.
    order = np.argsort(np.argsort(first))
    return "codes", order[which].astype(np.int64).tobytes(), present.tobytes()


def _are_codes(values: pl.Series, different: Numbers, n_present: int) -> bool:
    """Whether a name for each value says as much: values that hardly come again would stand for any others."""
    if not MOST_CODES >= len(different) <= n_present / AGAIN:
        return False
    if values.dtype == pl.String or values.dtype == pl.Boolean:
        return True
    dense = len(different) > 0 and different[-1] - different[0] + 1 <= CODES * len(different)
    return dense and values.dtype.is_numeric() and are_whole(values)


def _same_lines(columns: Iterable[pl.Series]) -> list[tuple[str, str, float, float]]:
    """Pairs of number columns, the later of which is the earlier one times a number plus a number, but for rounding."""
    usable = [each for each in columns if each.dtype.is_numeric()]
    pairs: list[tuple[str, str, float, float]] = []
    for one, other in _alike(usable):
        if line := _line(numbers(usable[one]), numbers(usable[other])):
            pairs.append((usable[one].name, usable[other].name, *line))
    return pairs


def _alike(columns: Sequence[pl.Series]) -> Iterator[tuple[int, int]]:
    """The places of columns that go with each other closely in a few rows; ten thousand columns take seconds."""
    if not columns:
        return
    some = np.arange(0, len(columns[0]), max(1, len(columns[0]) // FEW_ROWS))
    scaled = np.empty((len(columns), len(some)), np.float32)
    for place, values in enumerate(columns):
        found = numbers(values)[some]
        there = np.isfinite(found)
        centred = np.where(there, found - found[there].mean(), 0.0) if there.any() else np.zeros(len(some))
        length = float(np.sqrt(centred @ centred))
        scaled[place] = centred / length if length > 0 else 0.0
    for start in range(0, len(columns), BLOCK):
        block = scaled[start : start + BLOCK]
        for later in range(start, len(columns), BLOCK):
            close = np.argwhere(np.abs(block @ scaled[later : later + BLOCK].T) > CLOSE)
            for one, other in close + np.array([start, later]):
                if one < other:
                    yield int(one), int(other)


def _line(one: Numbers, other: Numbers) -> tuple[float, float] | None:
    """Slope and offset of the straight line that all points lie on, as far as their rounding lets them."""
    there = np.isfinite(one)
    if (there != np.isfinite(other)).any():
        return None
    one, other = one[there], other[there]
    deviations = one - one.mean()
    slope = float(deviations @ (other - other.mean()) / (deviations @ deviations))
    offset = float(other.mean() - slope * one.mean())
    steps = abs(slope) * _step(one), _step(other)
    allowed = 0.55 * sum(steps) + 1e-9 * float(np.abs(other).max())
    if sum(steps) * STEPS > other.std() or (np.abs(other - slope * one - offset) > allowed).any():
        return None
    return slope, offset


def _step(values: Numbers) -> float:
    """The step that decimals are rounded to; 0 when there are more than six of them."""
    return next((10.0**-n for n in range(7) if np.allclose(values, np.round(values, n), rtol=0, atol=1e-9)), 0.0)
