"""What holds between columns: order, equality, sums, and values that go together.

A relation counts only when chance would break it: the same columns with their rows shuffled must break it often. It
is looked for in some rows, and then counted in all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, cast

from tasks.core import cells, loading
from tasks.core.records import Dataset
from tasks.profiling.columns import BATCH_ROWS, meant, numbers
from tasks.profiling.figures import SELDOM, ColumnFigures, Relation
from tasks.profiling.orders import CHANCE, orders, shuffled
from tasks.profiling.totals import SUM, is_off, totals

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

EQUAL = "expect_column_pair_values_to_be_equal"
PAIRS = "expect_column_pair_values_to_be_in_set"

ROWS = 5_000
"""Rows in which relations are looked for: each pair of columns is."""
COLUMNS = 60
"""Of more columns, the first so many are compared with each other, or the pairs would never end."""
MOST_PAIRS = 40
"""Pairs of values that a person still reads."""
MOST_VALUES = 30


def relations(figures: Sequence[ColumnFigures], sample: pl.DataFrame) -> list[Relation]:
    """The relations within the rows that were looked at, the strongest of each kind first."""
    ordered = [one for one in figures if one.spread is not None and one.distinct > 2 and one.n_missing < one.n / 2]
    first = sample.gather_every(max(1, sample.height // ROWS))  # a rhythm of the rows does no harm: all are counted
    found: list[Relation] = []
    for kind in (("number", "integer"), ("date",)):
        several = [one for one in ordered if one.type in kind][:COLUMNS]
        every = {one.name: _floats(first[one.name]) for one in several}
        values = {name: column for name, column in every.items() if (column == column).any()}  # NaN is not itself
        same = list(_equal(values))
        copies = {relation.columns[1] for relation in same}
        values = {name: column for name, column in values.items() if name not in copies}
        found += same
        found += orders(values)
        if kind != ("date",):
            found += totals(values)
    found += _together([one for one in figures if _is_set(one)][:COLUMNS], sample)
    return found


def counted(dataset: Dataset, found: Sequence[Relation]) -> list[Relation]:
    """The relations with the rows that break them counted in all rows; those of pairs were counted already."""
    import polars as pl

    asked = [one for one in found if one.kind != PAIRS]
    if not asked:
        return list(found)
    speaks = {place: pl.all_horizontal(pl.col(one.every_column).is_not_null()) for place, one in enumerate(asked)}
    figures = [
        *(speaks[place].sum().alias(f"n {place}") for place in speaks),
        *((speaks[place] & _broken(one)).sum().alias(f"broken {place}") for place, one in enumerate(asked)),
    ]
    cleaning = cells.Cleaning.of(dataset)
    columns = {name for one in asked for name in one.every_column}
    counts: Counter[str] = Counter()
    for frame in loading.frames(dataset, columns, BATCH_ROWS):
        counts.update(meant(frame, cleaning).select(figures).row(0, named=True))
    recounted = iter(
        one.model_copy(update={"n": counts[f"n {place}"], "n_rows": counts[f"broken {place}"]})
        for place, one in enumerate(asked)
    )
    return [one if one.kind == PAIRS else next(recounted) for one in found]


def _broken(relation: Relation) -> pl.Expr:
    """Whether a row breaks it."""
    import polars as pl

    if relation.kind == SUM:
        return is_off(relation)
    a, b = (pl.col(name) for name in relation.columns)
    if relation.kind == EQUAL:
        return a != b
    return a < b if relation.or_equal else a <= b


def _floats(values: pl.Series) -> NDArray[np.float64]:
    """The column as floats with NaN where it is missing."""
    import numpy as np

    out = np.full(len(values), np.nan)
    present = values.is_not_null().to_numpy()
    found = numbers(values.drop_nulls())
    if len(found) == present.sum():
        out[present] = found
    return out


def _equal(values: dict[str, NDArray[np.float64]]) -> list[Relation]:
    import numpy as np

    found: list[Relation] = []
    for (a, left), (b, right) in combinations(values.items(), 2):
        both = ~(np.isnan(left) | np.isnan(right))
        n = int(both.sum())
        broken = int((left[both] != right[both]).sum())
        if n >= 50 and broken <= SELDOM * n and (chance := shuffled(left, right, np.not_equal)) >= CHANCE:
            found.append(Relation(kind=EQUAL, columns=(a, b), n=n, n_rows=broken, by_chance=chance))
    return found


def _is_set(one: ColumnFigures) -> bool:
    return one.type in ("text", "integer", "boolean") and one.counted and 1 < one.distinct <= MOST_VALUES


def _together(sets: Sequence[ColumnFigures], sample: pl.DataFrame) -> list[Relation]:
    """For each column the other one whose values decide most of what it can be."""
    import polars as pl

    best: dict[str, Relation] = {}
    for a, b in combinations(sets, 2):
        if a.distinct * b.distinct > MOST_PAIRS * 10:
            continue
        both = sample.select(a.name, b.name).drop_nulls()
        if both.height < 50:
            continue
        seen = both.group_by(a.name, b.name).len().sort(a.name, b.name)
        if seen.height > MOST_PAIRS or seen.height == a.distinct * b.distinct:
            continue
        of_a, of_b = (both.group_by(one.name).len() for one in (a, b))
        crossed = seen.join(of_a, on=a.name, suffix="_a").join(of_b, on=b.name, suffix="_b")
        n = both.height
        expected = float(cast("float", (crossed["len_a"].cast(pl.Float64) * crossed["len_b"]).sum())) / n / n
        once = int((seen["len"] == 1).sum())
        if 1 - expected < CHANCE or once > SELDOM * n:
            continue
        pairs = tuple((x, y) for x, y, _ in seen.iter_rows())
        relation = Relation(kind=PAIRS, columns=(a.name, b.name), n=n, n_rows=once, by_chance=1 - expected, pairs=pairs)
        for name in (a.name, b.name):
            if name not in best or best[name].by_chance < relation.by_chance:
                best[name] = relation
    return list({relation.columns: relation for relation in best.values()}.values())
