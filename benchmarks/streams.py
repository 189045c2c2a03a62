"""Streams of rows without drift, as live data are: rows that resemble the row before, days, weekdays; and drift put in.

Twenty mixed columns over a Gaussian latent: 12 numbers (normal, log-normal, rounded, heavy-tailed; the first two
correlated by 0.5) and 8 categories with 2 to 50 levels; 1 % of the values of every third column are missing. S0 has
independent rows; in S1 to S3 rows follow an AR(1), days have effects of their own (S3: AR(1) 0.8 from day to day), and
weekdays differ. All sizes are in sd of the column.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa
from scipy.signal import lfilter
from scipy.special import ndtr, ndtri

START = datetime.date(2024, 1, 1)
NUMBERS, LEVELS = 12, (2, 3, 4, 5, 8, 12, 20, 50)
COLUMNS = (*(f"number_{i}" for i in range(NUMBERS)), *(f"category_{i}" for i in range(len(LEVELS))))
KINDS = {name: "number" if name.startswith("number") else "category" for name in COLUMNS}
RHO, MISSING = 0.5, 0.01
MEDIAN = float(ndtri(0.75))
"""Of the size of a normal value."""


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


class Source:
    """One stream that goes on: its weekly patterns, the state of its days and rows."""

    def __init__(self, stream: Stream, rng: np.random.Generator) -> None:
        self.stream, self.rng, self.at = stream, rng, 0
        self.phase = rng.uniform(0, 2 * np.pi, len(COLUMNS))
        self.effect = rng.normal(size=len(COLUMNS)) * stream.day
        self.last = rng.normal(size=(len(COLUMNS), 1))
        self.edges = [ndtri(np.cumsum(shares(levels))[:-1]) for levels in LEVELS]
        self.names = [pa.array([f"level {j}" for j in range(levels)]) for levels in LEVELS]

    def days(
        self, n_days: int, n_rows: int, first: int = 0, change: Change | None = None
    ) -> Iterator[tuple[datetime.date, pa.RecordBatch]]:
        """The next days' rows; a change grows from day `first` of these on."""
        for day in range(n_days):
            rows = self.rows(n_rows, change if day >= first else None, day - first + 1)
            yield START + datetime.timedelta(self.at), rows
            self.at += 1

    def latent(self, n_rows: int) -> np.ndarray:
        """Columns x rows: the Gaussian under a day's rows, before what changes."""
        stream, rng = self.stream, self.rng
        noise = rng.standard_normal((len(COLUMNS), n_rows))
        if stream.row:
            noise *= np.sqrt(1 - stream.row**2)
            noise, _ = lfilter([1.0], [1.0, -stream.row], noise, axis=1, zi=stream.row * self.last)
            self.last = noise[:, -1:].copy()
        if stream.day:
            fresh = rng.normal(size=len(COLUMNS)) * stream.day
            self.effect = stream.day_row * self.effect + np.sqrt(1 - stream.day_row**2) * fresh
        return noise

    def rows(self, n_rows: int, change: Change | None, age: int) -> pa.RecordBatch:
        """One day's rows, `age` days into the change."""
        stream = self.stream
        z = self.latent(n_rows)
        rho = RHO
        if change and change.kind == "rho":
            rho = change.size
        z[1] = rho * z[0] + np.sqrt(1 - rho**2) * z[1]
        if change and change.kind == "even":  # depends on the size of another column, and has no correlation with it
            far = np.abs(z[2]) > MEDIAN
            z[3] = np.where(far == (np.abs(z[3]) > MEDIAN), z[3], np.sign(z[3]) * ndtri(0.5 + _mirrored(np.abs(z[3]))))
        moved = self.effect + stream.week * np.sin(2 * np.pi * (self.at % 7) / 7 + self.phase)
        moved = moved + stream.season * np.sin(2 * np.pi * self.at / 365 + self.phase)
        if stream.holidays and (self.at * 2654435761 % 365) < stream.holidays:
            moved = moved + 1.0
        z += moved[:, None]
        if change and change.kind in ("shift", "slow"):
            z[change.column] += change.size * (age if change.kind == "slow" else 1)
        return pa.record_batch(
            [self._number(z[i], i, change) for i in range(NUMBERS)]
            + [self._category(z[NUMBERS + i], i, change) for i in range(len(LEVELS))],
            names=list(COLUMNS),
        )

    def _number(self, z: np.ndarray, i: int, change: Change | None) -> pa.Array:
        kind = i % 4
        values = z if kind == 0 else np.exp(z) if kind == 1 else np.round(20 * z) if kind == 2 else z * np.abs(z)
        lost = MISSING if i % 3 == 0 else 0.0
        if change and change.kind == "missing" and change.column == i:
            lost = change.size
        if lost:
            values = np.where(self.rng.random(len(z)) < lost, np.nan, values)
        return pa.array(values)

    def _category(self, z: np.ndarray, i: int, change: Change | None) -> pa.Array:
        codes = np.searchsorted(self.edges[i], z).astype(np.int8)
        if change and change.kind == "share" and change.column == NUMBERS + i:
            others = 1 - shares(LEVELS[i])[change.level]
            codes[(codes != change.level) & (self.rng.random(len(z)) < change.size / others)] = change.level
        lost = self.rng.random(len(z)) < MISSING if i % 3 == 0 else None
        return pa.DictionaryArray.from_arrays(pa.array(codes, mask=lost), self.names[i])


def _mirrored(size: np.ndarray) -> np.ndarray:
    """Half the rank of a size whose rank among sizes is moved to the other half: 0.1 becomes 0.6."""
    return ((2 * ndtr(size) - 1 + 0.5) % 1.0) / 2
