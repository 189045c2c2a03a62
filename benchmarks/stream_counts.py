"""A day of a stream as keepfit would measure its rows, without making them: the same to the bit, 4 times faster.

A number's cell hangs on its rank alone, so edges are looked for in the Gaussian under the rows, as float32.
tests/monitoring/test_streams.py holds it to what `tasks.monitoring.daily` finds in the rows.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from streams import BOUNDS, COLUMNS, NAMES, NUMBERS, ROUNDED, Day

from tasks.monitoring.cells import MISSING, NEW, RARE, RARE_LEVELS, WIDTH, Cells
from tasks.monitoring.daily import EXACT, Daily, empty

STEPS, REACH = 4_096, 7.0
"""Steps of the look-up table, from minus to plus so many sd; each holds few edges."""
Floats32 = npt.NDArray[np.float32]


class Counter:
    """Measures days over cells that were made of `Day.rows(plain=True)`.

    A slot is an interval of a column's latent: of a number it is the cell, of a category the level by its rank.
    """

    def __init__(self, cells: Cells) -> None:
        self.cells = cells
        n = len(COLUMNS)
        self.cell_of = np.arange(n * WIDTH).reshape(n, WIDTH)
        edges = np.full((n, WIDTH), np.nan, np.float32)
        self.rate = np.full((n, 1), STEPS / 2 / REACH, np.float32)
        self.rate[ROUNDED] /= 20
        for column in range(n):
            each = self._edges(column)
            edges[column, : len(each) + 1] = *each, np.inf  # what is missing
            self.cell_of[column, len(each) + 1] = column * WIDTH + MISSING
            if column >= NUMBERS:
                self._level_cells(column)
        before = np.empty((n, STEPS), np.intp)
        self.most = 0
        for column, each in enumerate(edges):
            held = _steps(each[~np.isnan(each)][None], self.rate[column : column + 1])[0].astype(np.intp)
            before[column] = column * WIDTH + np.searchsorted(held, np.arange(STEPS), "left")
            self.most = max(self.most, int(np.bincount(held, minlength=1).max()))
        self.before, self.edges = before.ravel(), edges.ravel()
        self.tables = [t.ravel()[self.cell_of.ravel()].astype(np.float32) for t in (cells.scores, cells.sizes)]
        self.starts = STEPS * np.arange(n, dtype=np.float32)[:, None]

    def _edges(self, column: int) -> Floats32:
        if column >= NUMBERS:
            return _passed(BOUNDS[column - NUMBERS])
        edges = self.cells.edges[column]
        return _reached(np.ceil(edges) if column % 4 == ROUNDED.start else edges)

    def _level_cells(self, column: int) -> None:
        levels, rare = self.cells.levels[column - NUMBERS], set(self.cells.rare[column - NUMBERS])
        for place, name in enumerate(NAMES[column - NUMBERS]):
            unknown = RARE if name in rare or len(rare) >= RARE_LEVELS else NEW
            self.cell_of[column, place] = column * WIDTH + (levels.index(name) if name in levels else unknown)

    def daily(self, day: Day) -> Daily:
        """What is kept of the day."""
        found = empty(self.cells, day.date)
        counted, products = np.zeros(len(COLUMNS) * WIDTH, np.int64), found.products
        for start in range(0, day.latent.shape[1], EXACT):
            slots = self._slots(day.latent[:, start : start + EXACT])
            counted += np.bincount(slots.ravel(), minlength=len(counted))
            for product, table in zip(products, self.tables, strict=True):
                scores = table.take(slots)
                product += scores @ scores.T
        products[1, NUMBERS:] = products[1, :, NUMBERS:] = 0.0  # levels have no sizes
        np.add.at(found.counts.ravel(), self.cell_of.ravel(), counted)
        return Daily(day.date, day.latent.shape[1], found.counts, products)

    def _slots(self, latent: Floats32) -> npt.NDArray[np.intp]:
        values = latent.copy()
        values[ROUNDED] *= np.float32(20)
        np.round(values[ROUNDED], out=values[ROUNDED])
        steps = _steps(values, self.rate)
        steps += self.starts
        found = self.before.take(steps.astype(np.intp))
        for _ in range(self.most):
            found += values >= self.edges.take(found)
        return found


def _steps(values: Floats32, rate: Floats32) -> Floats32:
    """The step of each value; never falls as values rise."""
    steps = values * rate
    steps += np.float32(STEPS / 2)
    return np.clip(steps, 0, np.float32(STEPS - 0.5), out=steps)


def _reached(edges: npt.NDArray[np.float64]) -> Floats32:
    """The least float32 that is not below each edge."""
    single = edges.astype(np.float32)
    return np.where(single < edges, np.nextafter(single, np.float32(np.inf)), single)


def _passed(bounds: npt.NDArray[np.float64]) -> Floats32:
    """The least float32 above each bound."""
    single = bounds.astype(np.float32)
    return np.where(single <= bounds, np.nextafter(single, np.float32(np.inf)), single)
