"""Into which cells a reference divides each column, and the score of each cell.

A number falls into one of 250 quantile cells (fewer where values tie), below the reference's range, above it, or is
missing; a category into one of its commonest levels, among the rarer ones, is new, or is missing. All statistics of
a window are counts of cells and products of scores. Scores are multiples of 1/32, so their products add up without
rounding: the order of rows, parts and processes cannot change a bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

from tasks.core.errors import DataError
from tasks.monitoring.grid import WIDTH, Floats, Grid, gridded

pc: Any = pyarrow.compute  # its functions are made when it is imported
Kind = Literal["number", "category"]
Ints = npt.NDArray[np.int64]

MISSING, NEW, RARE = 255, 254, 253
QUANTILES = 250
LEVELS = 62
"""Levels of a category with a cell of their own."""
RARE_LEVELS = 1_000
"""Rarer levels that are known by name. Where there are more, a level that was never seen counts as a rare one."""
MOST = 4.0
"""Of a score: a window in which all values are rare must not swamp the sums."""
PAIRED = 32
"""Columns of which all pairs are watched: the first ones, or the profile would pass 1 MB."""
UNIT = 1 / 32
"""Fine enough for a score, and coarse enough for sums of 1,024 products to be exact in float32."""


@dataclass(frozen=True, eq=False)
class Cells:
    """The columns in order, numbers first; `edges` of each number, and `levels` and `rare` levels of each category.

    `shares` are the reference's shares of the cells, columns x 256.
    """

    names: tuple[str, ...]
    edges: tuple[Floats, ...]
    levels: tuple[tuple[str, ...], ...]
    rare: tuple[tuple[str, ...], ...]
    shares: Floats

    @property
    def n_numbers(self) -> int:
        """How many of the columns are numbers: the first ones."""
        return len(self.edges)

    @property
    def n_paired(self) -> int:
        """How many of the columns are watched in pairs: the first ones."""
        return min(PAIRED, len(self.names))

    def kind(self, column: int) -> Kind:
        """Of a column by its place."""
        return "number" if column < self.n_numbers else "category"

    @cached_property
    def scores(self) -> Floats:
        """Columns x 256: normal scores of the mid-ranks (van der Waerden), mean 0 and sd 1; a missing value's is 0."""
        normal = NormalDist()
        scores = np.zeros_like(self.shares)
        for column, shares in enumerate(self.shares):
            present = shares[: NEW if self.kind(column) == "category" else MISSING]
            ranks = np.cumsum(present) - present / 2
            raw = np.array([normal.inv_cdf(float(rank)) for rank in np.clip(ranks, 1e-4, 1 - 1e-4)])
            mean = float(present @ raw)
            sd = float(np.sqrt(max(present @ (raw - mean) ** 2, 0.0)))
            if sd > 1e-6:
                scores[column, : len(raw)] = np.clip(np.round((raw - mean) / sd / UNIT) * UNIT, -MOST, MOST)
        return scores

    @cached_property
    def sizes(self) -> Floats:
        """Columns x 256: absolute scores, less their mean; a missing value's is 0."""
        sizes = np.abs(self.scores)
        sizes -= np.round((self.shares * sizes).sum(axis=1, keepdims=True) / UNIT) * UNIT
        sizes[:, MISSING] = 0.0
        sizes[self.n_numbers :, NEW] = 0.0
        return sizes

    @cached_property
    def kept(self) -> Ints:
        """The cells, among columns x 256, whose counts are kept day by day: those of levels, and of what is odd."""
        kept: list[int] = []
        for column in range(len(self.names)):
            if column < self.n_numbers:
                local = [0, len(self.edges[column]), MISSING]
            else:
                local = [*range(len(self.levels[column - self.n_numbers])), RARE, NEW, MISSING]
            kept += [column * WIDTH + cell for cell in local]
        return np.array(kept, np.int64)

    @cached_property
    def _grid(self) -> Grid:
        return gridded(self.edges)

    def codes(self, batch: pa.RecordBatch) -> npt.NDArray[np.intp]:
        """Columns x rows: the place of each value's cell among columns x 256."""
        return np.concatenate([self.number_codes(batch), self.category_codes(batch)])

    def number_codes(self, batch: pa.RecordBatch) -> npt.NDArray[np.intp]:
        """The same of the numbers alone."""
        values = np.empty((self.n_numbers, batch.num_rows))
        for column in range(self.n_numbers):
            values[column] = floats(batch, self.names[column])
        found = self._grid.cells(values)
        missing = values != values
        np.copyto(found, WIDTH * np.arange(self.n_numbers)[:, None] + MISSING, where=missing)
        return found

    def category_codes(self, batch: pa.RecordBatch) -> npt.NDArray[np.intp]:
        """The same of the categories alone."""
        found = np.empty((len(self.levels), batch.num_rows), np.intp)
        for column, (each, known) in enumerate(zip(found, self._known, strict=True), self.n_numbers):
            each[:] = _level_codes(batch.column(self.names[column]), *known)
        return found

    @cached_property
    def _known(self) -> tuple[tuple[Any, npt.NDArray[np.intp]], ...]:
        """Of each category: the names that are known, then None; the place of each, and then that of other names."""
        found: list[tuple[Any, npt.NDArray[np.intp]]] = []
        for column, (levels, rare) in enumerate(zip(self.levels, self.rare, strict=True), self.n_numbers):
            unknown = NEW if len(rare) < RARE_LEVELS else RARE
            cells = [*range(len(levels)), *[RARE] * len(rare), MISSING, unknown]
            found.append((pa.array([*levels, *rare, None], pa.string()), np.array(cells, np.intp) + column * WIDTH))
        return tuple(found)


def _level_codes(values: Any, names: Any, places: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    if not pa.types.is_dictionary(values.type):
        return places.take(_among(texts(values), names))
    known, indices = places.take(_among(texts(values.dictionary), names)), values.indices
    if indices.null_count:
        narrow = len(known) < 127
        indices = (indices if narrow else indices.cast("int64")).fill_null(len(known))
        known = np.append(known, places[-2])
    return known.take(indices.to_numpy(zero_copy_only=False))


def _among(values: Any, names: Any) -> Any:
    """The place of each value among the names, and that after the last for another: faster than to number them all."""
    found = pc.index_in(values, value_set=names.cast(values.type))
    return (found.fill_null(len(names)) if found.null_count else found).to_numpy()


def floats(batch: pa.RecordBatch, name: str) -> Floats:
    """A column's values as float64, dates in days; NaN where one is missing. Raises DataError of other types."""
    values = batch.column(name)
    if pa.types.is_date32(values.type):
        values = values.cast("int32")
    if not pa.types.is_float64(values.type):
        if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
            raise DataError(
                f"The column {name!r} cannot be watched as a number",
                expected="numbers or dates",
                found=str(values.type),
                action="Call it a category, or send its view",
            )
        values = values.cast("float64", safe=False)
    return values.to_numpy(zero_copy_only=False)


def texts(values: Any) -> Any:
    """A column's values as strings of Arrow."""
    plain = pa.types.is_string(values.type) or pa.types.is_large_string(values.type)
    return values if plain else values.cast("string")
