"""Rows of a stream of any length that fit into memory: all of a short one, else blocks that lie evenly over it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import polars as pl

    from tasks.monitoring.cells import Ints


class Spread:
    """Add frames in their order; `rows` are every row while there are at most `most`, then every 2nd, 4th, … block."""

    most = 200_000
    """Rows that are held. What breaks a hundredth of a day's rows breaks a thousand of these or more."""
    block = 1_000
    """Rows in a row that are kept together: a row that is sent twice comes twice at about the same time."""

    def __init__(self) -> None:
        self.n_rows = 0
        """Of the stream so far."""
        self._stride, self._held = 1, 0
        self._parts: list[tuple[Ints, pl.DataFrame]] = []

    @property
    def is_whole(self) -> bool:
        """Whether all rows of the stream are held."""
        return self._stride == 1

    def add(self, rows: pl.DataFrame) -> None:
        """The next rows of the stream."""
        at = np.arange(self.n_rows, self.n_rows + rows.height)
        self.n_rows += rows.height
        self._keep([(at, rows)])
        while self._held > self.most:
            parts, self._parts, self._held = self._parts, [], 0
            self._stride *= 2
            self._keep(parts)

    def rows(self) -> pl.DataFrame:
        """The rows that are held, in their order; a frame of no columns where nothing was added."""
        import polars as pl

        frames = [rows for _, rows in self._parts]
        return pl.concat(frames, how="diagonal_relaxed") if frames else pl.DataFrame()

    def _keep(self, parts: list[tuple[Ints, pl.DataFrame]]) -> None:
        for at, rows in parts:
            wanted = at // self.block % self._stride == 0
            if not wanted.all():
                at, rows = at[wanted], rows.filter(wanted)
            self._parts.append((at, rows))
            self._held += rows.height
