"""The rows of a project in the order of time, cut into windows; of later rows nothing is seen before their date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tasks.core import store
from tasks.core.choices import Choice
from tasks.core.errors import DataError, UsageError
from tasks.core.records import Column, Dataset, Part, Record, Target

if TYPE_CHECKING:
    import polars as pl

Moments = npt.NDArray[np.datetime64]

FIRST_SHARE = 0.2
"""Of the rows that the first model learns from, where no date is said to begin at."""
FEWEST_ROWS = 100
"""Of the first training: with fewer there is no split that says anything."""
MOST_WINDOWS = 2_000


class Window(Record):
    """One window: when it begins and ends, and its rows; `n_labelled` rows have their outcome when it begins."""

    start: datetime
    end: datetime
    first: int
    last: int
    n_labelled: int

    @property
    def rows(self) -> slice:
        return slice(self.first, self.last)

    @property
    def n_rows(self) -> int:
        return self.last - self.first


@dataclass(frozen=True)
class Seen:
    """What a model may see of the rows: which columns and declared features, and how they are to be treated."""

    inputs: tuple[Column, ...]
    columns: tuple[Column, ...]
    declared: Mapping[str, str]
    said: Mapping[str, Choice]
    time: str | None
    target: Target


@dataclass(frozen=True)
class History:
    """All rows, sorted by `moments`; whoever looks at them says up to which row.

    `late` are classes that come after the first date, each with its rows, which are not among these.
    """

    rows: pl.DataFrame
    moments: Moments
    seen: Seen
    every: timedelta
    windows: tuple[Window, ...]
    late: Mapping[str, int] = field(default_factory=dict[str, int])
    _parts: dict[tuple[int, int], Part] = field(default_factory=dict[tuple[int, int], Part])

    @property
    def n_first(self) -> int:
        """How many rows the first model learns from."""
        return self.windows[0].n_labelled

    def before(self, n_rows: int) -> Dataset:
        """The first rows as a data set in the store: parts that later ones share, so nothing is written twice."""
        edges = sorted({0, n_rows, *(window.n_labelled for window in self.windows if window.n_labelled < n_rows)})
        parts = [self._part(start, end) for start, end in pairwise(edges) if end > start]
        return store.dataset("history", tuple(parts), self.seen.inputs)

    def at(self, row: int) -> datetime:
        """When a row came."""
        return moment(self.moments[row])

    def n_before(self, when: datetime) -> int:
        """How many rows came before the moment."""
        return int(np.searchsorted(self.moments, np.datetime64(when.astimezone(UTC).replace(tzinfo=None))))

    def answers(self, rows: slice) -> npt.NDArray[Any]:
        """The target of some rows: class codes, or values."""
        return self._encoded[rows]

    @cached_property
    def _encoded(self) -> npt.NDArray[Any]:
        """Each row's target by itself."""
        import polars as pl

        target, column = self.seen.target, self.rows[self.seen.target.name]
        if not target.classes:
            return column.cast(pl.Float64).to_numpy()
        codes = {name: code for code, name in enumerate(target.classes)}
        return column.cast(pl.String).replace_strict(codes, return_dtype=pl.Int64).to_numpy()

    def _part(self, start: int, end: int) -> Part:
        if (start, end) not in self._parts:
            blob = store.put_table(self.rows[start:end])
            self._parts[start, end] = Part(blob=blob, n_rows=end - start)
        return self._parts[start, end]


def moment(value: np.datetime64) -> datetime:
    """As a datetime in UTC."""
    return value.astype("datetime64[us]").astype(datetime).replace(tzinfo=UTC)


def moments_of(times: pl.Series) -> Moments:
    """When each row came, in UTC; DataError where the column holds no times."""
    import polars as pl

    if not times.dtype.is_temporal() or times.dtype == pl.Time:
        raise DataError(
            f"The history cannot be replayed by the time in {times.name!r}",
            expected="a column of dates",
            found=f"{times.dtype}",
            action="Name another with `monitor: {time: …}` in project.yaml, or write its values as 2026-01-31 13:45:00",
        )
    if isinstance(times.dtype, pl.Datetime) and times.dtype.time_zone:
        times = times.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return times.cast(pl.Datetime("us")).to_numpy()


def windows(
    moments: Moments, every: timedelta, delay: timedelta, begin: datetime | None, end: datetime | None
) -> tuple[Window, ...]:
    """Whole windows from `begin` (by default once a fifth of the rows has come) to `end`; UsageError for none."""
    if not len(moments):
        raise UsageError(
            "There is no history to replay",
            expected="rows that have a time and a target",
            found=f"none{f' before {end:%Y-%m-%d}' if end else ''}",
            action="Say --to with a later date" if end else "Check `source`, and the column that says when rows came",
        )
    if begin is None:
        begin = moment(moments[int(FIRST_SHARE * len(moments))]).replace(hour=0, minute=0, second=0, microsecond=0)
        begin += timedelta(days=1) if every >= timedelta(days=1) else timedelta(0)
    end = end or moment(moments[-1]) + timedelta(microseconds=1)
    # A last window that is nearly whole counts: the rows of a day seldom end at midnight.
    n_windows = int((end - begin) / every + 0.1)
    if n_windows > MOST_WINDOWS:
        raise UsageError(
            f"{n_windows:,} windows are too many", expected=f"at most {MOST_WINDOWS:,}", action="Say a longer --every"
        )
    found: list[Window] = []
    for number in range(n_windows):
        start = begin + number * every
        first, last, labelled = (_n_before(moments, each) for each in (start, start + every, start - delay))
        found.append(Window(start=start, end=start + every, first=first, last=last, n_labelled=labelled))
    if len(found) < 2 or found[0].n_labelled < FEWEST_ROWS:
        known = found[0].n_labelled if found else _n_before(moments, begin - delay)
        raise UsageError(
            f"There is too little history to replay from {begin:%Y-%m-%d}",
            expected=f"{FEWEST_ROWS} rows with an outcome before it, and two windows of {_span(every)} after it",
            found=f"{known:,} such rows and {len(found)} windows",
            action=f"Choose --from, --to and --every within {moment(moments[0]):%Y-%m-%d} to "
            f"{moment(moments[-1]):%Y-%m-%d}",
        )
    return tuple(found)


def rows_until(history: History, start: datetime, end: datetime) -> slice:
    """The rows from one moment to before another."""
    return slice(_n_before(history.moments, start), _n_before(history.moments, end))


def _n_before(moments: Moments, when: datetime) -> int:
    return int(np.searchsorted(moments, np.datetime64(when.astimezone(UTC).replace(tzinfo=None), "us"), side="left"))


def _span(span: timedelta) -> str:
    return f"{span.days} days" if span >= timedelta(days=1) else str(span)
