"""What a rule suspects: values of a column, as an expression that finds all of their rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tasks.core.noise import OddityKind

if TYPE_CHECKING:
    import polars as pl

Floats = npt.NDArray[np.float64]

ROW = "__row_number__"
"""The number of a row, counted from 0, in the frames that rules see."""


@dataclass(frozen=True)
class Doubt:
    """A rule that some rows of a sample break, to be counted over all rows.

    `where` is true for the doubtful rows, and `extreme` is larger the more doubtful they are.
    """

    kind: OddityKind
    column: str
    where: pl.Expr
    extreme: pl.Expr
    text: str
    advice: str


@dataclass(frozen=True)
class Numbers:
    """The numbers of a column in the sampled rows: those that are finite and mean themselves, and their places."""

    name: str
    values: Floats
    places: npt.NDArray[np.intp]
    n_rows: int
    """Of the whole data set, not of the sample."""
    empty: tuple[float, ...] = ()
    """The values that stand for a missing one."""
    moments: bool = False
    """Whether the numbers are days since 1970."""

    @property
    def expression(self) -> pl.Expr:
        """The column's numbers over all rows: float64, days since 1970 for dates; missing where they are not finite."""
        import polars as pl

        column = pl.col(self.name)
        if self.moments:
            return column.cast(pl.Datetime("us")).dt.epoch("us").cast(pl.Float64) / MICROSECONDS_A_DAY
        number = column.cast(pl.Float64)
        there = number.is_finite() & ~number.is_in(self.empty) if self.empty else number.is_finite()
        return pl.when(there).then(number)


MICROSECONDS_A_DAY = 86_400_000_000.0
