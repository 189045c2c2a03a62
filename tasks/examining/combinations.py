"""The combinations of telling categories of which there is no row, although each value alone is common."""

from __future__ import annotations

from itertools import combinations

import polars as pl

from tasks.core.figures import figure
from tasks.core.slices import LEAST_ROWS
from tasks.examining.association import explained
from tasks.examining.codes import coded
from tasks.examining.glance import Glance
from tasks.examining.words import listed, shown

EXPECTED = 5
"""So many rows must be expected where none is: fewer can be missing by chance."""
NESTED = 0.5
"""A column that explains so much of another's levels makes combinations impossible: no woman is a Mr."""


def empty_combination(seen: Glance, names: list[str]) -> tuple[str, ...]:
    """A sentence on the two or three of these categories, the most telling first, that leave the largest gap; or none.

    What is expected is counted as if the categories had nothing to do with each other.
    """
    columns = {name: seen.rows[name].cast(pl.String) for name in names[:3]}
    codes = {name: coded(seen.numbers[name], name in seen.levels) for name in columns}
    nested = {
        pair
        for pair in combinations(columns, 2)
        if max(explained(codes[a], codes[b]).share for a, b in (pair, pair[::-1])) > NESTED
    }
    best: tuple[float, tuple[str, ...]] = (EXPECTED, ())
    for some in (*combinations(columns, 2), *combinations(columns, 3)):
        if nested.isdisjoint(combinations(some, 2)):
            found = _largest([columns[name] for name in some])
            best = max(best, found, key=lambda each: each[0])
    return best[1]


def _largest(columns: list[pl.Series]) -> tuple[float, tuple[str, ...]]:
    """How many rows would be expected in the largest of the empty combinations, and what to say of it."""
    names, n_rows = [each.name for each in columns], len(columns[0])
    grid = pl.DataFrame({"expected": [float(n_rows)]})
    for values in columns:
        share = values.drop_nulls().value_counts().filter(pl.col("count") >= LEAST_ROWS)
        grid = grid.join(share.with_columns(pl.col("count") / n_rows), how="cross")
        grid = grid.with_columns(pl.col("expected") * pl.col("count")).drop("count")
    empty = grid.join(pl.DataFrame(columns).unique(), on=names, how="anti")
    if not len(empty):
        return 0.0, ()
    first = empty.sort("expected", *names, descending=[True] + [False] * len(names)).row(0, named=True)
    have = "One of" if len(empty) == 1 else f"{len(empty):,} of"
    values = " and ".join(f"`{name}` {shown(first[name])}" for name in names)
    text = (
        f"{have} {len(grid):,} combinations of {listed(names)} {'has' if len(empty) == 1 else 'have'} no row: "
        f"{values}, where {figure(round(first['expected']))} would be expected."
    )
    return first["expected"], (text,)
