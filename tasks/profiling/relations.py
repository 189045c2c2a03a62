"""What holds between columns: order, equality, sums, values that go together, and keys of several columns.

A relation counts only when chance would break it: the same columns with their rows shuffled must break it often. It
is looked for in some rows, and then counted in all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations, permutations
from typing import TYPE_CHECKING, Any, cast

from tasks.core import cells, loading
from tasks.core.records import Dataset, is_provenance
from tasks.profiling.columns import BATCH_ROWS, meant, numbers
from tasks.profiling.figures import ColumnFigures, Relation

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

GREATER = "expect_column_pair_values_a_to_be_greater_than_b"
EQUAL = "expect_column_pair_values_to_be_equal"
PAIRS = "expect_column_pair_values_to_be_in_set"
SUM = "expect_multicolumn_sum_to_equal"
KEY = "expect_compound_columns_to_be_unique"

ROWS = 5_000
"""Rows in which relations are looked for: each pair of columns is."""
COLUMNS = 60
"""Of more columns, the first so many are compared with each other, or the pairs would never end."""
SELDOM = 0.005
"""The share of the rows that may break a relation that is one."""
CHANCE = 0.05
"""The share of shuffled rows that must break it."""
MOST_PAIRS = 40
"""Pairs of values that a person still reads."""
MOST_VALUES = 30
COLLIDING = 0.1
"""The share of the rows that chance alone would have collide, if several columns that never do are a key."""
NEAR = 1e-9
"""Sums of floats differ in their last digits."""
N_SHUFFLES = 3


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
        found += _reduced(list(_greater(values)))
        if kind != ("date",):
            found += _sums(values)
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
        parts = pl.sum_horizontal(*(pl.col(name).cast(pl.Float64) for name in relation.columns))
        total = pl.col(relation.total) if isinstance(relation.total, str) else pl.lit(relation.total)
        return (parts - total).abs() > NEAR * pl.sum_horizontal(
            *(pl.col(name).abs() for name in relation.columns)
        ) + NEAR
    a, b = (pl.col(name) for name in relation.columns)
    if relation.kind == EQUAL:
        return a != b
    return a < b if relation.or_equal else a <= b


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
        if n >= 50 and broken <= SELDOM * n and (chance := _shuffled(left, right, np.not_equal)) >= CHANCE:
            found.append(Relation(kind=EQUAL, columns=(a, b), n=n, n_rows=broken, by_chance=chance))
    return found


def _greater(values: dict[str, NDArray[np.float64]]) -> list[Relation]:
    """The columns (a, b) where a is at least b."""
    import numpy as np

    medians = {name: float(np.nanmedian(column)) for name, column in values.items()}
    found: list[Relation] = []
    for (a, high), (b, low) in permutations(values.items(), 2):
        if medians[a] < medians[b]:
            continue
        both = ~(np.isnan(high) | np.isnan(low))
        n = int(both.sum())
        broken = int((high[both] < low[both]).sum())
        if n < 50 or broken > SELDOM * n:
            continue
        chance = _shuffled(high, low, np.less)
        if chance >= max(CHANCE, 20 * broken / n):
            ties = bool((high[both] == low[both]).any())
            found.append(Relation(kind=GREATER, columns=(a, b), n=n, n_rows=broken, by_chance=chance, or_equal=ties))
    return found


def _shuffled(left: NDArray[np.float64], right: NDArray[np.float64], breaks: Any) -> float:
    """The share of the rows that break it when one column is shuffled; missing values break nothing."""
    import numpy as np

    # Shifting would not do: a year later the weather is the same.
    shares = [
        float(breaks(left, right[np.random.default_rng(seed).permutation(len(right))]).mean())
        for seed in range(N_SHUFFLES)
    ]
    gaps = float((np.isnan(left) | np.isnan(right)).mean()) if breaks is np.not_equal else 0.0
    return min(shares) - gaps


def _reduced(found: list[Relation]) -> list[Relation]:
    """Without those that follow from two others; equal columns are not among them."""
    pairs = {relation.columns for relation in found}
    between = {b for _, b in pairs} & {a for a, _ in pairs}
    return [
        relation
        for relation in found
        if relation.n_rows
        or not any((relation.columns[0], one) in pairs and (one, relation.columns[1]) in pairs for one in between)
    ]


def _sums(values: dict[str, NDArray[np.float64]]) -> list[Relation]:
    """The columns that add up to another, or to one number: least squares whose weights come out as ones."""
    import numpy as np
    from scipy.optimize import nnls

    names = list(values)
    if len(names) < 2:
        return []
    table = np.column_stack([values[name] for name in names])
    whole = table[~np.isnan(table).any(axis=1)]
    if len(whole) < 50:
        return []
    some = whole[: max(200, 4 * len(names))]
    scale = np.abs(some).max(axis=0)
    scale[scale == 0] = 1
    found: list[Relation] = []
    taken: set[frozenset[str]] = set()
    for place, total in [*enumerate(names), (len(names), None)]:
        aim = some[:, place] if total is not None else np.ones(len(some))
        others = [i for i in range(len(names)) if i != place]
        try:
            weights, _ = nnls(some[:, others] / scale[others], aim, maxiter=20 * len(others))
        except RuntimeError:  # it does not converge, so nothing adds up
            continue
        weights = weights / scale[others]
        largest = weights.max()
        parts = [others[i] for i in np.flatnonzero(weights > 1e-6 * max(largest, 1e-300))]
        if len(parts) < 2 or largest <= 0:
            continue
        constant = float(whole[:, parts].sum(axis=1)[0]) if total is None else None
        wanted = whole[:, place] if total is not None else np.full(len(whole), constant)
        summed = whole[:, parts].sum(axis=1)
        near = NEAR * np.abs(whole[:, parts]).sum(axis=1) + NEAR
        broken = int((np.abs(summed - wanted) > near).sum())
        members = frozenset({*(names[i] for i in parts)} | ({total} if total else set[str]()))
        if broken <= SELDOM * len(whole) and members not in taken:
            taken.add(members)
            found.append(
                Relation(
                    kind=SUM,
                    columns=tuple(names[i] for i in parts),
                    n=len(whole),
                    n_rows=broken,
                    total=total if total is not None else constant,
                )
            )
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
