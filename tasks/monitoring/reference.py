"""The compact profile of the rows that a model was trained on: its cells, and the statistics of its last 90 days."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from tasks.core.errors import DataError
from tasks.monitoring.cells import Cells, Floats, Kind
from tasks.monitoring.daily import Daily, daily, empty, summary
from tasks.monitoring.sketch import sketched

DAYS = 90
"""Days that are kept one by one: 20 columns then stay under 1 MB."""

Batches = Callable[[], Iterable[pa.RecordBatch]]
"""Where rows come from; asked twice, for the cells and for the statistics."""


@dataclass(frozen=True, eq=False)
class Reference:
    """What later windows are compared with.

    `total` holds all rows; `days` the dated days' summaries (days x numbers that add up), the last 90 at most.
    """

    cells: Cells
    total: Daily
    days: Mapping[datetime.date, Floats]

    @classmethod
    def build(cls, batches: Batches, kinds: Mapping[str, Kind], time: str | None = "__time__") -> Reference:
        """The profile of these rows, in two passes and flat memory.

        `time` names the column with the moment of each row; without one nothing can be promised.
        """
        return cls.counted(sketched(batches(), kinds), batches(), time)

    @classmethod
    def counted(cls, cells: Cells, batches: Iterable[pa.RecordBatch], time: str | None = "__time__") -> Reference:
        """The profile over cells that are there already, in one pass: for parts that are merged afterwards."""
        total, days = empty(cells), dict[datetime.date, Daily]()
        for batch in batches:
            for day, rows in by_day(batch, time):
                part = daily(cells, [rows], day)
                total = replace(total + part, day=None)
                if day is not None:
                    days[day] = days[day] + part if day in days else part
        return cls(cells, total, {day: summary(cells, days[day]) for day in sorted(days)[-DAYS:]})

    def merge(self, other: Reference) -> Reference:
        """Of both parts' rows; the same to the bit in any order, while no part has more than 90 days."""
        if not same(self.cells, other.cells):
            raise DataError(
                "Two parts of a reference cannot be merged",
                expected="the same cells",
                found="cells of other rows",
                action="Make the cells once, and count each part over them",
            )
        days = dict(self.days)
        for day, numbers in other.days.items():
            days[day] = days[day] + numbers if day in days else numbers
        total = replace(self.total + other.total, day=None)
        return Reference(self.cells, total, {day: days[day] for day in sorted(days)[-DAYS:]})

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Reference)
            and same(self.cells, other.cells)
            and self.total == other.total
            and list(self.days) == list(other.days)
            and all(np.array_equal(self.days[day], other.days[day]) for day in self.days)
        )


def same(one: Cells, other: Cells) -> bool:
    """Whether both divide the same columns at the same places."""
    return (
        (one.names, one.levels, one.rare) == (other.names, other.levels, other.rare)
        and len(one.edges) == len(other.edges)
        and all(np.array_equal(a, b) for a, b in zip(one.edges, other.edges, strict=True))
        and np.array_equal(one.shares, other.shares)
    )


def by_day(batch: pa.RecordBatch, time: str | None) -> Iterator[tuple[datetime.date | None, pa.RecordBatch]]:
    """The rows of each day (UTC), those without a moment as of no day."""
    if time is None or not batch.num_rows:
        yield None, batch
        return
    if time not in batch.schema.names:
        raise DataError(
            "The reference cannot be made",
            expected=f"the moment of each row in {time!r}",
            found=", ".join(batch.schema.names),
            action="Name the column with the moments, or None",
        )
    numbers = batch.column(time).cast("date32").cast("int32").fill_null(np.iinfo(np.int32).min).to_numpy()
    order = np.argsort(numbers, kind="stable")
    if (numbers[1:] < numbers[:-1]).any():
        batch, numbers = batch.take(pa.array(order)), numbers[order]
    found, starts = np.unique(numbers, return_index=True)
    for number, start, end in zip(found, starts, [*starts[1:], len(numbers)], strict=True):
        day = None if number == np.iinfo(np.int32).min else datetime.date(1970, 1, 1) + datetime.timedelta(int(number))
        yield day, batch.slice(start, end - start)
