"""The rows that hazards are looked for in: training rows with their answers, and test rows without.

Of large data some rows, chosen by their hash: the same ones whatever their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from tasks.core import store
from tasks.core.records import Dataset, Target

ROWS, LEAST_ROWS = 50_000, 2_000
"""At most, and however many columns there are."""
CELLS = 20_000_000
CLASSES = 20
"""The commonest are looked at."""
HUGE = 1e75
"""The greatest number that is looked at; of greater ones, sums of squares and of their squares would overflow."""
_MODULUS = 1 << 20

Numbers = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Sample:
    """`answers` has a column for each class looked at (1: it is), or one of the ranks, from 0 to 1, of a number.

    `values` are the target's numbers; for two classes 1 is the positive one, for more they are the classes' places.
    """

    train: pl.DataFrame
    test: pl.DataFrame
    target: Target
    values: Numbers
    answers: Numbers
    classes: tuple[str, ...]
    folds: Codes
    n_rows: int
    """Training rows there are, looked at or not."""

    @property
    def is_whole(self) -> bool:
        """Whether all training rows are in it."""
        return len(self.train) == self.n_rows

    @cached_property
    def n_different(self) -> dict[str, int]:
        """How many different values each column has, missing as one."""
        return self.train.select(pl.all().n_unique()).row(0, named=True) if self.train.width else {}

    def only(self, columns: Sequence[str]) -> Sample:
        """The sample of these columns alone."""
        return replace(self, train=self.train.select(columns), test=self.test.select(columns))


def sampled(train: Dataset, test: Dataset, columns: Sequence[str], target: Target) -> Sample:
    """The sample of these columns, of at most 50,000 rows, or fewer of a wide table."""
    most = min(ROWS, max(LEAST_ROWS, CELLS // max(1, len(columns))))
    rows = _some(train, [*columns, target.name, "__fold__"], most)
    return answered(rows, rows.select(columns), _some(test, columns, most), target, train.n_rows)


def answered(rows: pl.DataFrame, train: pl.DataFrame, test: pl.DataFrame, target: Target, n_rows: int) -> Sample:
    """The sample of these columns, with the answers and folds of the same rows."""
    values, answers, classes = _answers(rows[target.name], target)
    folds = rows["__fold__"].to_numpy().astype(np.int64)
    return Sample(train, test, target, values, answers, classes, folds, n_rows)


def numbers(values: pl.Series) -> Numbers:
    """A column of numbers, truths or dates as float64, missing as NaN, what is greater than HUGE as HUGE."""
    if values.dtype.is_temporal():
        # Microseconds since 1970 are exact in a float64; days would not be.
        values = values.cast(pl.Datetime("us")).to_physical()
    found: Numbers = (values if values.dtype == pl.Float64 else values.cast(pl.Float64)).to_numpy()
    if (np.abs(found) <= HUGE).all():
        return found
    return np.clip(np.where(np.isfinite(found), found, np.nan), -HUGE, HUGE)


def are_whole(values: pl.Series) -> bool:
    """Whether these numbers are all whole, missing ones aside; as floats they often are."""
    if values.dtype.is_integer():
        return True
    found = numbers(values)
    # Most columns are told from their first values.
    return all(bool(((part == np.floor(part)) | np.isnan(part)).all()) for part in (found[:100], found))


def ranks(values: Numbers) -> Numbers:
    """Average ranks, from 0 to 1: equal for a number and for any rising function of it."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    after = np.cumsum(counts)
    return ((after - (counts - 1) / 2) / len(values))[which]


def is_number(dtype: Any) -> bool:
    """Whether `numbers` takes it."""
    return bool(dtype.is_numeric() or dtype.is_temporal() or dtype == pl.Boolean)


def _some(rows: Dataset, columns: Sequence[str], most: int) -> pl.DataFrame:
    lazy = store.scan(rows)
    if rows.n_rows > most:
        # The low bits of the hash: the high ones decide the split, and are not spread evenly within one.
        lazy = lazy.filter(pl.col("__row__") % _MODULUS < int(_MODULUS * most / rows.n_rows))
    return lazy.select(columns).collect(engine="streaming")


def _answers(target: pl.Series, said: Target) -> tuple[Numbers, Numbers, tuple[str, ...]]:
    if said.problem == "regression":
        values = numbers(target)
        return values, ranks(values)[:, None], ()
    counted = target.alias("class").value_counts(name="n_rows").sort(["n_rows", "class"], descending=[True, False])
    commonest = counted["class"].to_list()
    positive = said.positive
    names = [positive] if positive is not None else commonest[:CLASSES]
    answers = np.column_stack([(target == name).to_numpy() for name in names]).astype(np.float64)
    places = {name: float(place) for place, name in enumerate(said.classes)}
    values = np.array([places[name] for name in target.to_list()])
    return values, answers, tuple(names)
