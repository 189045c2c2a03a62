"""Columns of numbers that add up to another one, or to the same number in each row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.profiling.figures import SELDOM, Relation

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

SUM = "expect_multicolumn_sum_to_equal"
NEAR = 1e-9
"""Sums of floats differ in their last digits."""


def totals(values: dict[str, NDArray[np.float64]]) -> list[Relation]:
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


def is_off(relation: Relation) -> pl.Expr:
    """Whether a row's parts do not add up to its total."""
    import polars as pl

    parts = pl.sum_horizontal(*(pl.col(name).cast(pl.Float64) for name in relation.columns))
    total = pl.col(relation.total) if isinstance(relation.total, str) else pl.lit(relation.total)
    return (parts - total).abs() > NEAR * pl.sum_horizontal(*(pl.col(name).abs() for name in relation.columns)) + NEAR
