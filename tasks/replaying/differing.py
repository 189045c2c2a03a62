"""How far a column's values are from those that a model was trained on, by the usual tests of one column."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

BINS = 10
MOST_LEVELS = 50
SMALLEST_SHARE = 1e-4
"""That stands for an empty bin of the population stability index, as is usual."""


@dataclass(frozen=True)
class Known:
    """A column of training rows: what the tests need of it is worked out once, and not again for every window."""

    values: Any

    @property
    def is_number(self) -> bool:
        """Whether it is compared by its size."""
        return self.values.dtype.is_numeric() or self.values.dtype.is_temporal()

    @cached_property
    def numbers(self) -> np.ndarray:
        """The finite ones, in order: they are sorted faster again."""
        return np.sort(numbers(self.values))

    @cached_property
    def bins(self) -> tuple[np.ndarray, np.ndarray]:
        """The edges between tenths of the numbers, and how many there are in each."""
        edges = np.unique(np.quantile(self.numbers, np.linspace(0, 1, BINS + 1)[1:-1]))
        return edges, _binned(self.numbers, edges)

    @cached_property
    def levels(self) -> tuple[list[str], np.ndarray]:
        """The commonest levels, and how often each comes, and all others together."""
        import polars as pl

        counts = self.values.cast(pl.String).drop_nulls().value_counts(sort=True, name="n").head(MOST_LEVELS)
        names = counts.to_series(0).to_list()
        return names, _counted(self.values, names)


def p_value(known: Known, current: Any) -> float:
    """Kolmogorov-Smirnov's, of categories that of chi squared; 1 where there is nothing to compare."""
    from scipy import stats

    if known.is_number:
        a, b = known.numbers, numbers(current)
        tested: Any = stats.ks_2samp(a, b, method="asymp") if len(a) and len(b) else None
        return 1.0 if tested is None else float(tested.pvalue)
    names, expected = known.levels
    counts = _counted(current, names)
    if not counts.sum() or len(counts) < 2:
        return 1.0
    # A level that the training rows do not have is a cell of its own kind; half a row keeps it finite.
    shares = (expected + 0.5) / (expected + 0.5).sum()
    statistic = ((counts - shares * counts.sum()) ** 2 / (shares * counts.sum())).sum()
    return float(stats.chi2.sf(statistic, len(counts) - 1))


def stability(known: Known, current: Any) -> float:
    """The population stability index; 0 where there is nothing to compare."""
    if known.is_number:
        b = numbers(current)
        if not len(known.numbers) or not len(b):
            return 0.0
        edges, expected = known.bins
        counts = _binned(b, edges)
    else:
        names, expected = known.levels
        counts = _counted(current, names)
        if not counts.sum() or not expected.sum():
            return 0.0
    p, q = (np.maximum(each / each.sum(), SMALLEST_SHARE) for each in (expected, counts))
    return float(((q - p) * np.log(q / p)).sum())


def numbers(values: Any) -> np.ndarray:
    """The finite ones, moments in their unit."""
    import polars as pl

    values = values.cast(pl.Datetime("us")).to_physical() if values.dtype.is_temporal() else values
    found = values.drop_nulls().cast(pl.Float64).to_numpy()
    return found[np.isfinite(found)]


def _binned(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    return np.bincount(np.searchsorted(edges, values), minlength=len(edges) + 1)


def _counted(values: Any, names: list[str]) -> np.ndarray:
    """How often each of the levels comes, and all others together."""
    import polars as pl

    texts = values.cast(pl.String).drop_nulls()
    by = dict(texts.value_counts(name="n").iter_rows())
    known = [by.get(name, 0) for name in names]
    return np.array([*known, len(texts) - sum(known)], dtype=float)
