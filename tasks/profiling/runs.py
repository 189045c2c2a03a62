"""How long a column's values stay the same from row to row: what a sensor that is stuck does, and others seldom do."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tasks.profiling.figures import Runs

if TYPE_CHECKING:
    import polars as pl

LENGTHS = (3, 4, 5, 6, 8, 10, 12, 16, 20, 30, 50)


@dataclass
class RunLengths:
    """The lengths of all runs of equal values so far; a missing value is as the one before it."""

    lengths: Counter[int] = field(default_factory=Counter[int])
    _last: Any = None
    _open: int = 0

    def add(self, values: pl.Series) -> None:
        """Take the column's next values into account, in the order of the rows."""
        import numpy as np

        filled = values.fill_null(strategy="forward")
        filled = (filled if self._last is None else filled.fill_null(self._last)).drop_nulls()
        if not len(filled):
            return
        ends = (filled[1:] != filled[:-1]).arg_true().to_numpy() + 1
        lengths = np.diff(np.concatenate([[0], ends, [len(filled)]]))
        if filled[0] == self._last:
            lengths[0] += self._open
        elif self._open:
            self.lengths[self._open] += 1
        self._last, self._open = filled[-1], int(lengths[-1])
        found, counts = np.unique(lengths[:-1], return_counts=True)
        self.lengths.update(dict(zip(found.tolist(), counts.tolist(), strict=True)))

    def figures(self) -> tuple[Runs, ...]:
        """For each length the rows that end so many equal values."""
        every = self.lengths + Counter({self._open: 1} if self._open else {})
        found: list[Runs] = []
        together = 1.0
        for length in LENGTHS:
            beyond = {run - length + 1: times for run, times in every.items() if run >= length}
            n_rows = sum(rows * times for rows, times in beyond.items())
            squares = sum(rows * rows * times for rows, times in beyond.items())
            # A run that is longer than all that were seen goes on for as many rows as those did.
            together = max(together, squares / n_rows) if n_rows else together
            found.append(Runs(length=length, n_rows=n_rows, together=together))
        return tuple(found)
