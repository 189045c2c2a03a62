"""Streams of rows without drift, as live data are: rows that resemble the row before, days, weekdays; and drift put in.

Twenty mixed columns over a Gaussian latent: 12 numbers (normal, log-normal, rounded, heavy-tailed; the first two
correlated by 0.5) and 8 categories with 2 to 50 levels; 1 % of the values of every third column are missing. S0 has
independent rows; in S1 to S3 rows follow an AR(1), days have effects of their own (S3: AR(1) 0.8 from day to day), and
weekdays differ. All sizes are in sd of the column. `stream_counts.py` measures a day without making its rows.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.special import ndtr, ndtri

START = datetime.date(2024, 1, 1)
NUMBERS, LEVELS = 12, (2, 3, 4, 5, 8, 12, 20, 50)
COLUMNS = (*(f"number_{i}" for i in range(NUMBERS)), *(f"category_{i}" for i in range(len(LEVELS))))
Kind = Literal["number", "category"]
KINDS: dict[str, Kind] = {name: "number" if name.startswith("number") else "category" for name in COLUMNS}
RHO, MISSING = 0.5, 0.01
MEDIAN = float(ndtri(0.75))
"""Of the size of a normal value."""
ROUNDED = slice(2, NUMBERS, 4)
"""The numbers that are rounded, to a twentieth of their sd."""
BLOCK = 4_096
"""Rows that are drawn at a time, so that they stay in the processor's cache."""
ECHO = 31
"""Rows before that a row still knows of: the rest of an AR(1) of 0.5 is 2 to the minus 32, less than float32 holds."""


class Stream(NamedTuple):
    """How much rows resemble the one before, the sd of days, their AR(1), the weekly amplitude; `season` is the yearly
    one, `holidays` how many days a year are shifted by 1 sd in all columns."""

    row: float = 0.0
    day: float = 0.0
    day_row: float = 0.0
    week: float = 0.0
    season: float = 0.0
    holidays: int = 0


STREAMS = {
    "S0": Stream(),
    "S1": Stream(0.3, 0.03, 0.0, 0.05),
    "S2": Stream(0.5, 0.05, 0.0, 0.1),
    "S3": Stream(0.5, 0.1, 0.8, 0.3),
    "S1 with holidays": Stream(0.3, 0.03, 0.0, 0.05, holidays=10),
    "S1 with a season": Stream(0.3, 0.03, 0.0, 0.05, season=0.1),
}


class Change(NamedTuple):
    """What is put in, in column `column`: by `size`, on each day or growing by it a day."""

    kind: Literal["shift", "slow", "missing", "share", "rho", "even"]
    column: int
    size: float
    level: int = 0


def shares(levels: int) -> np.ndarray:
    """Of a category's levels: the first is the commonest."""
    weights = 1 / (np.arange(levels) + 2.0)
    return weights / weights.sum()


BOUNDS = tuple(ndtri(np.cumsum(shares(levels))[:-1]) for levels in LEVELS)
"""Of each category: where in the latent its second and further levels begin."""
NAMES = tuple(tuple(f"level {j}" for j in range(levels)) for levels in LEVELS)


class Day(NamedTuple):
    """One day: the Gaussian under its rows, columns x rows, with all shifts; infinite where a value is missing."""

    date: datetime.date
    latent: npt.NDArray[np.float32]

    def rows(self, plain: bool = False) -> pa.RecordBatch:
        """The rows. `plain` leaves numbers in the latent's scale: what only asks for ranks finds the same."""
        numbers = [self._number(i, plain) for i in range(NUMBERS)]
        return pa.record_batch(numbers + [self._category(i) for i in range(len(LEVELS))], names=list(COLUMNS))

    def dated(self) -> pa.RecordBatch:
        """The rows with their day."""
        number = (self.date - datetime.date(1970, 1, 1)).days
        rows = self.rows()
        return rows.append_column("__time__", pa.array(np.full(rows.num_rows, number, np.int32), pa.date32()))

    def _number(self, i: int, plain: bool) -> pa.Array:
        kind, lost, z = i % 4, np.isinf(self.latent[i]), self.latent[i].astype(np.float64)
        z[lost] = np.nan
        if kind == 2:
            z = np.round(np.float32(20) * z.astype(np.float32)).astype(np.float64)
        elif not plain:
            z = np.exp(z) if kind == 1 else z * np.abs(z) if kind == 3 else z
        return pa.array(z)

    def _category(self, i: int) -> pa.Array:
        z = self.latent[NUMBERS + i]
        codes = np.searchsorted(BOUNDS[i], z).astype(np.int8)
        return pa.DictionaryArray.from_arrays(pa.array(codes, mask=np.isinf(z)), pa.array(NAMES[i]))


class Source:
    """One stream that goes on: its weekly patterns, the state of its days and rows."""

    def __init__(self, stream: Stream, rng: np.random.Generator) -> None:
        self.stream, self.rng, self.at = stream, rng, 0
        self.phase = rng.uniform(0, 2 * np.pi, len(COLUMNS))
        self.effect = rng.normal(size=len(COLUMNS)) * stream.day
        self.before = self._noise(ECHO)

    def days(self, n_days: int, n_rows: int, first: int = 0, change: Change | None = None) -> Iterator[Day]:
        """The next days; a change grows from day `first` of these on."""
        for day in range(n_days):
            yield self.day(n_rows, change if day >= first else None, day - first + 1)

    def _noise(self, n_rows: int) -> npt.NDArray[np.float32]:
        return self.rng.standard_normal((len(COLUMNS), n_rows), dtype=np.float32)

    def _latent(self, n_rows: int) -> npt.NDArray[np.float32]:
        """Columns x rows: the Gaussian of the next rows, an AR(1) where the stream is one."""
        if not self.stream.row:
            return self._noise(n_rows)
        found = np.empty((len(COLUMNS), n_rows), np.float32)
        for start in range(0, n_rows, BLOCK):
            noise = np.concatenate([self.before, self._noise(min(BLOCK, n_rows - start))], axis=1)
            self.before = noise[:, -ECHO:].copy()
            # The sum of row^k times the noise of k rows before, for k < 32: twice as many terms each time.
            back, factor = 1, self.stream.row
            while back <= ECHO:
                noise[:, back:] += np.float32(factor) * noise[:, :-back]
                back, factor = 2 * back, factor**2
            noise *= np.float32(np.sqrt(1 - self.stream.row**2))
            found[:, start : start + BLOCK] = noise[:, ECHO:]
        return found

    def day(self, n_rows: int, change: Change | None = None, age: int = 1) -> Day:
        """The next day, `age` days into the change."""
        z = self._latent(n_rows)
        rho = change.size if change and change.kind == "rho" else RHO
        z[1] = np.float32(rho) * z[0] + np.float32(np.sqrt(1 - rho**2)) * z[1]
        if change and change.kind == "even":  # depends on the size of another column, and has no correlation with it
            far = np.abs(z[2]) > MEDIAN
            z[3] = np.where(far == (np.abs(z[3]) > MEDIAN), z[3], np.sign(z[3]) * ndtri(0.5 + _mirrored(np.abs(z[3]))))
        z += self._moves(change, age).astype(np.float32)[:, None]
        if change and change.kind == "share":
            others = 1 - shares(LEVELS[change.column - NUMBERS])[change.level]
            z[change.column, self._some(n_rows, min(change.size / others, 1.0))] = _inside(change)
        for column, share in _losses(change).items():
            z[column, self._some(n_rows, share)] = np.inf
        date = START + datetime.timedelta(self.at)
        self.at += 1
        return Day(date, z)

    def _moves(self, change: Change | None, age: int) -> np.ndarray:
        """By what each column is shifted today."""
        stream = self.stream
        if stream.day:
            fresh = self.rng.normal(size=len(COLUMNS)) * stream.day
            self.effect = stream.day_row * self.effect + np.sqrt(1 - stream.day_row**2) * fresh
        moved = self.effect + stream.week * np.sin(2 * np.pi * (self.at % 7) / 7 + self.phase)
        moved = moved + stream.season * np.sin(2 * np.pi * self.at / 365 + self.phase)
        if stream.holidays and (self.at * 2654435761 % 365) < stream.holidays:
            moved = moved + 1.0
        if change and change.kind in ("shift", "slow"):
            moved[change.column] += change.size * (age if change.kind == "slow" else 1)
        return moved

    def _some(self, n_rows: int, share: float) -> np.ndarray:
        """Rows, each with this chance: their number first, then which."""
        return self.rng.choice(n_rows, self.rng.binomial(n_rows, share), replace=False, shuffle=False)


def _inside(change: Change) -> float:
    """A latent value of the level that a change makes commoner."""
    bounds = np.concatenate([[-9.0], BOUNDS[change.column - NUMBERS], [9.0]])
    return float(bounds[change.level : change.level + 2].mean())


def _losses(change: Change | None) -> dict[int, float]:
    """The share of missing values of each column that has any: every third number, and every third category."""
    lost = dict.fromkeys((*range(0, NUMBERS, 3), *range(NUMBERS, len(COLUMNS), 3)), MISSING)
    return lost | {change.column: change.size} if change and change.kind == "missing" else lost


def _mirrored(size: np.ndarray) -> np.ndarray:
    """Half the rank of a size whose rank among sizes is moved to the other half: 0.1 becomes 0.6."""
    return ((2 * ndtr(size) - 1 + 0.5) % 1.0) / 2
