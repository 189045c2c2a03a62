"""Units that changed within a column: some rows are the others in another unit, such as cents among euros.

Looked for where such rows lie together (a block in the order of the rows, the rows of one file or of one class of
another column) and where they are scattered but stand apart as a second cluster. All it takes is that these rows,
converted, have the distribution of the others, while as they are they have not. What moves by itself, like a price over
the years, is no change of units: the parts before and after must agree with each other far better than with the block.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tasks.core.figures import figure
from tasks.core.records import is_provenance
from tasks.examining import converted
from tasks.examining.conversions import CONVERSIONS, Conversion
from tasks.examining.doubts import ROW, Doubt, Floats, Numbers

if TYPE_CHECKING:
    import polars as pl

LEAST_VALUES = 200
LEAST_DIFFERENT = 20
MOST_PART = 0.5
BLOCKS = 50
NOTICED = 6.0
"""Two kinds of parts must be so many standard deviations of the parts of a kind apart."""
POSITIVE = 0.9
"""Least share of the values that must be positive for clusters to be looked for, which is done in logarithms."""
VALLEY = 0.25
"""Between two clusters are at most so many of the rows that the smaller one has."""


Mask = npt.NDArray[np.bool_]
Levels = Mapping[str, tuple[npt.NDArray[np.int64], Sequence[str]]]
"""For columns of classes, the code of each sampled row (-1: missing) and the names of the codes."""


def doubts(columns: Sequence[Numbers], levels: Levels, stride: int) -> Iterator[Doubt]:
    """The changes of units in these columns, of which every `stride`-th row is in the sample."""
    for column in columns:
        there = column.values != 0
        x, places = column.values[there], column.places[there]
        if column.moments or len(x) < LEAST_VALUES or len(np.unique(x)) < LEAST_DIFFERENT:
            continue
        found = _block(column, x, places, stride) or _level(column, x, places, levels) or _scattered(column, x)
        if found is not None:
            yield found


def _block(column: Numbers, x: Floats, places: npt.NDArray[np.intp], stride: int) -> Doubt | None:
    """Rows that follow each other: seen in the medians of blocks, then found to the row."""
    import polars as pl

    edges = np.linspace(0, len(x), min(BLOCKS, len(x) // converted.LEAST_PART) + 1).astype(int)
    centres = np.array([np.median(x[start:end]) for start, end in pairwise(edges)])
    odd, spread = _two_kinds(centres)
    changes = np.flatnonzero(np.diff(np.concatenate([[False], odd, [False]])))
    if len(changes) != 2:
        return None
    start, end = (int(edges[change]) for change in changes)
    wander = converted.wander(np.concatenate([x[:start], x[end:]]), spread, len(x) / len(centres))
    best: tuple[float, Conversion, Mask] | None = None
    for each in converted.nearest(x[start:end], np.concatenate([x[:start], x[end:]])):
        first, last = _sharpened(x, start, end, each)
        rows = np.zeros(len(x), bool)
        rows[first : last + 1] = True
        misfit = converted.misfit(x[rows], x[~rows], each, wander)
        if misfit is not None and (best is None or misfit < best[0] - converted.NEARLY):
            best = misfit, each, rows
    if best is None:
        return None
    _, conversion, rows = best
    first, last = (int(places[at]) * stride for at in np.flatnonzero(rows)[[0, -1]])
    where = pl.col(ROW).is_between(first, last) & column.expression.is_not_null() & (column.expression != 0)
    about = "about " if stride > 1 else ""
    return _doubt(column, conversion, where, x[rows], x[~rows], f"from {about}row {first + 1:,} to {about}{last + 1:,}")


def _level(column: Numbers, x: Floats, places: npt.NDArray[np.intp], levels: Levels) -> Doubt | None:
    """The rows of one file, or of some classes of another column."""
    import polars as pl

    for name, (codes, names) in levels.items():
        here = codes[places]
        known = [code for code in range(len(names)) if (here == code).sum() >= converted.LEAST_PART]
        if name == column.name or len(known) < 2:
            continue
        odd, spread = _two_kinds(np.array([np.median(x[here == code]) for code in known]))
        chosen = [code for code, is_odd in zip(known, odd, strict=True) if is_odd]
        rows, others = np.isin(here, chosen), np.isin(here, [code for code in known if code not in chosen])
        if not chosen or not others.any():
            continue
        wander = converted.wander(x[others], spread, float(np.median([(here == code).sum() for code in known])))
        conversion = converted.conversion_of(x[rows], x[others], wander)
        # Classes may well differ two or three times by nature; files of the same kind of rows do not.
        if conversion is None or not (conversion.is_large or is_provenance(name)):
            continue
        told = [names[code] for code in chosen]
        words = f"where {name} is {', '.join(told[:3])}{f' and {len(told) - 3} more' if len(told) > 3 else ''}"
        where = pl.col(name).cast(pl.String).is_in(told) & column.expression.is_not_null() & (column.expression != 0)
        return _doubt(column, conversion, where, x[rows], x[others], words)
    return None


def _scattered(column: Numbers, x: Floats) -> Doubt | None:
    """Rows anywhere, whose values are a cluster of their own."""
    if (x > 0).mean() < POSITIVE:
        return None
    x = x[x > 0]
    scale, number = np.log(x), column.expression
    middle = float(np.median(scale))
    for factor in sorted({each.factor for each in CONVERSIONS if each.is_large}):
        cut = middle + np.log(factor) / 2
        rows = scale > cut if factor > 1 else scale < cut
        near = np.abs(scale - cut) < 0.15 * abs(np.log(factor))
        if not converted.LEAST_PART <= rows.sum() < MOST_PART * len(x) or near.sum() > VALLEY * rows.sum():
            continue
        conversion = converted.conversion_of(x[rows], x[~rows], 0.0)
        if conversion is not None and conversion.factor == factor:
            bound = float(np.exp(cut))
            words = f"{'above' if factor > 1 else 'below'} {figure(bound)}, a cluster apart"
            where = (number > bound) if factor > 1 else (number < bound) & (number > 0)
            return _doubt(column, conversion, where, x[rows], x[~rows], words)
    return None


def _two_kinds(centres: Floats) -> tuple[Mask, float]:
    """Which centres are of the rarer kind, and the standard deviation of the centres of a kind (robustly).

    Distances are in logarithms where all are positive. None is of the rarer kind when there is only one.
    """
    scale = np.log(centres) if (centres > 0).all() else centres
    high = scale > (scale.min() + scale.max()) / 2
    odd = high if high.sum() <= len(high) / 2 else ~high
    if not odd.any():
        return odd, 0.0
    kinds = (scale[odd], scale[~odd])
    spread = max(float(np.median(np.abs(kind - np.median(kind)))) for kind in kinds) * 1.4826
    gap = abs(float(np.median(kinds[0]) - np.median(kinds[1])))
    return (odd, spread) if gap > NOTICED * spread else (np.zeros_like(odd), spread)


def _sharpened(x: Floats, start: int, end: int, conversion: Conversion) -> tuple[int, int]:
    """The first and last place of the block: between which most values fit better when converted."""
    others = np.concatenate([x[:start], x[end:]])
    low, middle, high = np.quantile(others, (0.25, 0.5, 0.75))
    back = (x - conversion.offset) / conversion.factor
    gain = np.clip(np.abs(x - middle), 0, 3 * (high - low)) - np.clip(np.abs(back - middle), 0, 3 * (high - low))
    total = np.append(0.0, np.cumsum(gain))
    about = 2 * max(1, len(x) // BLOCKS, converted.LEAST_PART)
    firsts = np.arange(max(0, start - about), min(end, start + about))
    first = int(firsts[np.argmin(total[firsts])])
    lasts = np.arange(max(first + 1, end - about), min(len(x), end + about) + 1)
    return first, int(lasts[np.argmax(total[lasts])]) - 1


def _doubt(column: Numbers, conversion: Conversion, where: pl.Expr, some: Floats, others: Floats, words: str) -> Doubt:
    here, there = figure(float(np.median(some))), figure(float(np.median(others)))
    return Doubt(
        "units",
        column.name,
        where,
        column.expression * 0,
        f"like {conversion.title}, {words}: their median is {here}, the others' {there}",
        f"If so, convert them at the source: {conversion.back}",
    )
