"""What is kept of one window, a day as a rule: counts of cells and products of scores, added part by part."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tasks.core.errors import DataError
from tasks.monitoring.cells import MISSING, WIDTH, Cells, Floats, Ints

ROWS = 4_096
"""Rows that are taken at a time: their codes and scores stay in the processor's cache."""
BLOCK = 32_768
"""Rows whose levels are looked up at a time."""
EXACT = 1_024
"""Rows whose products of scores add up without rounding in float32: scores are at most 4, in steps of 1/32."""


@dataclass(frozen=True, eq=False)
class Daily:
    """Statistics of a window: `counts` of cells (columns x 256), and `products` (2 x columns x columns) of the scores
    and, of numbers, of their sizes, summed over its rows."""

    day: datetime.date | None
    n_rows: int
    counts: Ints
    products: Floats

    def __add__(self, other: Daily) -> Daily:
        """Of both parts together; the same to the bit in any order."""
        return Daily(
            self.day if self.day == other.day else None,
            self.n_rows + other.n_rows,
            self.counts + other.counts,
            self.products + other.products,
        )

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Daily)
            and (self.day, self.n_rows) == (other.day, other.n_rows)
            and np.array_equal(self.counts, other.counts)
            and np.array_equal(self.products, other.products)
        )


def empty(cells: Cells, day: datetime.date | None = None) -> Daily:
    """A window without rows."""
    paired = cells.n_paired
    return Daily(day, 0, np.zeros((len(cells.names), WIDTH), np.int64), np.zeros((2, paired, paired)))


def daily(cells: Cells, batches: Iterable[pa.RecordBatch], day: datetime.date | None = None) -> Daily:
    """The statistics of one window's rows, in one pass and flat memory.

    Raises DataError where a column of the reference is not there.
    """
    nothing = empty(cells, day)
    counts, products, n_rows = nothing.counts, nothing.products, 0
    paired = cells.n_paired
    # A level's score has no size that means anything, so the second products are those of numbers alone.
    tables = {0: (cells.scores, paired), 1: (cells.sizes, min(paired, cells.n_numbers))}
    wanted = [(of, table.astype(np.float32).ravel(), width) for of, (table, width) in tables.items() if width]
    for batch in batches:
        if lost := [name for name in cells.names if name not in batch.schema.names]:
            raise DataError(
                "The window cannot be compared with the reference",
                expected=f"the column {lost[0]!r}",
                found=", ".join(batch.schema.names) or "no column",
                action="Send the columns that the reference was made of",
            )
        n_rows += batch.num_rows
        for start in range(0, batch.num_rows, BLOCK):
            block = batch.slice(start, BLOCK)
            categories = cells.category_codes(block)
            for offset in range(0, block.num_rows, ROWS):
                numbers = cells.number_codes(block.slice(offset, ROWS))
                codes = np.concatenate([numbers, categories[:, offset : offset + ROWS]])
                counts += np.bincount(codes.ravel(), minlength=counts.size).reshape(counts.shape)
                for of, table, width in wanted:
                    products[of, :width, :width] += _products(table.take(codes[:width]))
    return Daily(day, n_rows, counts, products)


def _products(scores: npt.NDArray[np.float32]) -> Floats:
    """Columns x columns: the products of the scores, summed over the rows."""
    whole = scores.shape[1] // EXACT * EXACT
    blocks = scores[:, :whole].reshape(len(scores), -1, EXACT).transpose(1, 0, 2)
    rest = scores[:, whole:]
    return (blocks @ blocks.transpose(0, 2, 1)).sum(axis=0, dtype=np.float64) + rest @ rest.T


def summary(cells: Cells, each: Daily) -> Floats:
    """A window as one row of numbers that add up: rows, present values, kept counts, sums, squares, products."""
    present = each.counts.sum(axis=1) - each.counts[:, MISSING]
    above = np.triu_indices(cells.n_paired, 1)
    tables = (cells.scores, cells.scores**2, cells.sizes, cells.sizes**2)
    sums = [(each.counts * table).sum(axis=1) for table in tables]
    parts = [[each.n_rows], present, each.counts.ravel()[cells.kept], *sums, *(p[above] for p in each.products)]
    return np.concatenate([np.asarray(part, np.float64) for part in parts])
