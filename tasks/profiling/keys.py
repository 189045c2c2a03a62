"""Whether several columns together name each row, as `order` and `line` do where neither does alone."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING

from tasks.core.records import is_provenance
from tasks.profiling.figures import ColumnFigures, Relation

if TYPE_CHECKING:
    import polars as pl

KEY = "expect_compound_columns_to_be_unique"
COLLIDING = 0.1
"""The share of the rows that chance alone would have collide, if several columns that never do are a key."""


def key(figures: Sequence[ColumnFigures], sample: pl.DataFrame) -> Relation | None:
    """Two or three columns that together name a row although chance alone would have them collide, or all columns."""
    named = [one for one in figures if not is_provenance(one.name) and one.name in sample.columns]
    n = sample.height
    if n < 50 or any(_is_key(one) for one in named):
        return None
    parts = [one for one in named if one.type in ("text", "integer", "date") and not one.n_missing and one.distinct > 1]
    collide = {one.name: _collision(sample[one.name]) for one in parts}
    names = sorted(collide, key=lambda name: collide[name])[:12]
    for size in (2, 3):
        for several in combinations(names, size):
            chance = n * n / 2
            for name in several:
                chance *= collide[name]
            if chance >= COLLIDING * n and not sample.select(several).is_duplicated().any():
                columns = tuple(name for name in sample.columns if name in several)
                return Relation(kind=KEY, columns=columns, n=n, by_chance=min(1.0, 2 * chance / n))
    if len(named) < 2:
        return None
    every = tuple(one.name for one in named)
    return Relation(kind=KEY, columns=every, n=n, n_rows=int(sample.select(every).is_duplicated().sum()))


def _is_key(one: ColumnFigures) -> bool:
    return one.n_repeated == 0 and not one.n_missing and one.type in ("text", "integer", "date")


def _collision(values: pl.Series) -> float:
    """How likely two different rows have the same value."""
    import numpy as np

    counts, n = values.value_counts()["count"].to_numpy().astype(np.float64), len(values)
    return float(np.sum(counts * (counts - 1))) / (n * (n - 1))
