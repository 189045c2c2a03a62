"""Into which cells a reference divides each column, and the score of each cell.

A number falls into one of 250 quantile cells (fewer where values tie), below the reference's range, above it, or is
missing; a category into one of its commonest levels, among the rarer ones, is new, or is missing. All statistics of
a window are counts of cells and products of scores. Scores are multiples of 1/256, so their products add up without
rounding: the order of rows, parts and processes cannot change a bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

pc: Any = pyarrow.compute  # its functions are made when it is imported
Kind = Literal["number", "category"]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

WIDTH = 256
"""Cells a column may have."""
MISSING, NEW, RARE = 255, 254, 253
QUANTILES = 250
LEVELS = 62
"""Levels of a category with a cell of their own."""
RARE_LEVELS = 1_000
"""Rarer levels that are known by name. Where there are more, a level that was never seen counts as a rare one."""
GRID = 4_096
"""Steps of the look-up table that replaces a binary search: 6 to 8 times faster."""
TIES = 3
"""Most edges in one step of the table; a column with more is searched."""
PAIRED = 32
"""Columns of which all pairs are watched: the first ones, or the profile would pass 1 MB."""
UNIT = 1 / 256


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
                scores[column, : len(raw)] = np.round((raw - mean) / sd / UNIT) * UNIT
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
    def _table(self) -> tuple[Floats, Floats, npt.NDArray[np.uint8], Floats, int, frozenset[int]]:
        """Where each column's grid starts, steps per unit, edges before each step, edges, most edges in one step, and
        the columns that must be searched."""
        numbers = self.n_numbers
        start, rate = np.zeros((numbers, 1)), np.zeros((numbers, 1))
        before = np.zeros((numbers, GRID), np.uint8)
        edges = np.full((numbers, WIDTH), np.nan)
        most, searched = 0, set[int]()
        for column, each in enumerate(self.edges):
            edges[column, : len(each)] = each
            inner = each[1:-1] if len(each) > 3 else each
            if len(each) == 0:
                continue
            start[column] = inner[0]
            width = float(inner[-1]) - float(inner[0])
            rate[column] = GRID / width if np.isfinite(width) and width > 0 and np.isfinite(GRID / width) else 0.0
            steps = _steps(each, start[column], rate[column])
            held = np.bincount(steps, minlength=GRID)
            before[column] = np.cumsum(held) - held
            if held.max() > TIES:
                searched.add(column)
            else:
                most = max(most, int(held.max()))
        return start, rate, before, edges, most, frozenset(searched)

    def codes(self, batch: pa.RecordBatch) -> npt.NDArray[np.intp]:
        """Columns x rows: the place of each value's cell among columns x 256."""
        found = np.empty((len(self.names), batch.num_rows), np.intp)
        numbers = self.n_numbers
        if numbers:
            self._number_codes(batch, found[:numbers])
        for column in range(numbers, len(self.names)):
            found[column] = self._category_codes(batch.column(self.names[column]), column - numbers)
            found[column] += column * WIDTH
        return found

    def _number_codes(self, batch: pa.RecordBatch, found: npt.NDArray[np.intp]) -> None:
        start, rate, before, edges, most, searched = self._table
        values = np.empty(found.shape)
        for column in range(len(found)):
            values[column] = floats(batch.column(self.names[column]))
        missing = values != values
        first = np.arange(len(found), dtype=np.intp)[:, None]
        steps = _steps(values, start, rate)
        steps += first * GRID
        np.add(before.take(steps), first * WIDTH, out=found, casting="unsafe")
        flat = edges.ravel()
        for _ in range(most):
            found += values >= flat.take(found)
        for column in searched:
            found[column] = np.searchsorted(self.edges[column], values[column], "right") + column * WIDTH
        np.copyto(found, first * WIDTH + MISSING, where=missing)

    @cached_property
    def _places(self) -> tuple[Mapping[str, int], ...]:
        return tuple(
            {**dict.fromkeys(rare, RARE), **{level: place for place, level in enumerate(levels)}}
            for levels, rare in zip(self.levels, self.rare, strict=True)
        )

    def _category_codes(self, values: Any, category: int) -> npt.NDArray[np.intp]:
        if not pa.types.is_dictionary(values.type):
            values = pc.dictionary_encode(texts(values))
        unknown = NEW if len(self.rare[category]) < RARE_LEVELS else RARE
        places = self._places[category]
        known = [MISSING if x is None else places.get(str(x), unknown) for x in texts(values.dictionary).to_pylist()]
        table = np.array([*known, MISSING], np.intp)
        indices = values.indices
        if indices.null_count:
            indices = indices.fill_null(len(known)) if len(known) < 127 else indices.cast("int64").fill_null(len(known))
        return table.take(indices.to_numpy(zero_copy_only=False))


def _steps(values: Floats, start: Floats, rate: Floats) -> npt.NDArray[np.intp]:
    """The step of the table that holds each value: never falls as values rise, whatever is rounded."""
    with np.errstate(all="ignore"):
        steps = (values - start) * rate
        np.fmax(steps, 0, out=steps)  # a missing value becomes 0, and so does an infinity times 0
        np.fmin(steps, GRID - 1, out=steps)
        return steps.astype(np.intp)


def floats(values: Any) -> Floats:
    """A column's values as float64; NaN where one is missing."""
    if not pa.types.is_float64(values.type):
        values = values.cast("float64")
    return values.to_numpy(zero_copy_only=False)


def texts(values: Any) -> Any:
    """A column's values as strings of Arrow."""
    plain = pa.types.is_string(values.type) or pa.types.is_large_string(values.type)
    return values if plain else values.cast("string")
