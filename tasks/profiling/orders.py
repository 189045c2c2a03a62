"""Columns of numbers or moments that are at least as large as others: in every row, or in most of them."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, Any

from tasks.profiling.figures import SELDOM, Relation

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

GREATER = "expect_column_pair_values_a_to_be_greater_than_b"
CHANCE = 0.05
"""The share of shuffled rows that must break it."""
N_SHUFFLES = 3
ALIKE = 0.8
"""The share of the values of either column that lie in the range of the other: no range tells when they are swapped."""


def orders(values: dict[str, NDArray[np.float64]]) -> list[Relation]:
    """The relations (a, b) where a is at least b, without those that follow from two others."""
    rules = _reduced(list(_greater(values)))
    return [*rules, *_usually_greater(values, {relation.columns for relation in rules})]


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
        chance = shuffled(high, low, np.less)
        if chance >= max(CHANCE, 20 * broken / n):
            ties = bool((high[both] == low[both]).any())
            found.append(Relation(kind=GREATER, columns=(a, b), n=n, n_rows=broken, by_chance=chance, or_equal=ties))
    return found


def _usually_greater(values: dict[str, NDArray[np.float64]], known: set[tuple[str, ...]]) -> list[Relation]:
    """For each column of the others in the same range the one that it is most often at least as large as.

    Swapped values of columns so alike lie in the range of either.
    """
    import numpy as np

    ends = {name: (float(np.nanmin(column)), float(np.nanmax(column))) for name, column in values.items()}
    best: dict[str, Relation] = {}
    for (a, high), (b, low) in permutations(values.items(), 2):
        both = ~(np.isnan(high) | np.isnan(low))
        n = int(both.sum())
        if n < 50 or (a, b) in known or (b, a) in known:
            continue
        left, right = high[both], low[both]
        share = float((left < right).mean())
        seldom = SELDOM < share < (best[a].n_rows / best[a].n if a in best else 0.5)
        if not seldom or min(_within(left, ends[b]), _within(right, ends[a])) < ALIKE:
            continue
        if (chance := shuffled(high, low, np.less)) >= share + CHANCE:
            best[a] = Relation(kind=GREATER, columns=(a, b), n=n, n_rows=round(share * n), by_chance=chance, usual=True)
    return list(best.values())


def _within(values: NDArray[np.float64], ends: tuple[float, float]) -> float:
    return float(((values >= ends[0]) & (values <= ends[1])).mean())


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


def shuffled(left: NDArray[np.float64], right: NDArray[np.float64], breaks: Any) -> float:
    """The share of the rows that break it when one column is shuffled; missing values break nothing."""
    import numpy as np

    # Shifting would not do: a year later the weather is the same.
    shares = [
        float(breaks(left, right[np.random.default_rng(seed).permutation(len(right))]).mean())
        for seed in range(N_SHUFFLES)
    ]
    gaps = float((np.isnan(left) | np.isnan(right)).mean()) if breaks is np.not_equal else 0.0
    return min(shares) - gaps
