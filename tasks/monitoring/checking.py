"""Whether the promise would have been kept on the reference's own days."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tasks.core.records import Record
from tasks.monitoring.episodes import episodes_in
from tasks.monitoring.promise import LEAST_DAYS, promised, short
from tasks.monitoring.reference import Reference
from tasks.monitoring.watching import compared, modelled

FIRST = 30
"""Days that the first block is judged by."""


class Check(Record):
    """The promise tried on the reference's own days: alarms promised and seen over `n_windows`, and whether kept."""

    n_windows: int
    promised: float
    seen: int
    kept: bool


def promise(reference: Reference, false_alarms: float = 1.0) -> str:
    """What this reference allows to promise, in words: too short, or not kept on its own days, where it is so."""
    n_days = len(reference.days)
    words = promised(false_alarms, n_days, n_days < LEAST_DAYS or self_check(reference, false_alarms).kept)
    return f"{words} {short(n_days)}".strip()


def self_check(reference: Reference, false_alarms: float = 1.0, *, block: int = 15) -> Check:
    """Walk forward over the reference's days: each block of days judged by the days before it.

    Not kept is said where a Poisson count of the promised mean would be smaller in 95 % of cases. Alarms at a change
    that the reference's days show are true ones, and not counted.
    """
    n_days = len(reference.days)
    known = _changes(reference, false_alarms)
    seen = 0
    for start in range(FIRST, n_days, block):
        for columns, day in _episodes(reference, false_alarms, start, min(start + block, n_days)):
            keys = {columns, *((column,) for column in columns)}
            changes = [first for key in keys for first in known.get(key, [])]
            # One that the first days of a block have is learnt by the block after it.
            seen += not any(first <= day < first + 2 * block for first in changes)
    n_windows = max(n_days - FIRST, 0)
    promised = false_alarms * n_windows / 365
    return Check(n_windows=n_windows, promised=promised, seen=seen, kept=seen <= most_of(promised))


def _changes(reference: Reference, false_alarms: float) -> dict[tuple[int, ...], list[int]]:
    """The places of the days that begin another level, of each column and pair that has any."""
    found: dict[tuple[int, ...], list[int]] = {}
    summaries = np.array(list(reference.days.values()))
    if len(summaries) < LEAST_DAYS:
        return found
    model = modelled(reference, float(np.median(summaries[:, 0])), false_alarms)
    firsts = model.expected.levels.first
    for place in np.flatnonzero((firsts > 0).any(axis=0)):
        s = model.layout.statistics[place]
        key = (s.column,) if s.other < 0 else (s.column, s.other)
        found.setdefault(key, []).extend(int(first) for first in firsts[:, place] if first > 0)
    return found


def most_of(mean: float, chance: float = 0.95) -> int:
    """The largest count that a Poisson variable of this mean does not pass in so many of cases."""
    term = total = float(np.exp(-mean))
    count = 0
    while total < chance:
        count += 1
        term *= mean / count
        total += term
    return count


def _episodes(reference: Reference, false_alarms: float, start: int, end: int) -> Iterator[tuple[tuple[int, ...], int]]:
    """Columns and first day of each alarm episode of the days from `start` to `end`, judged by those before."""
    days = list(reference.days)
    before = Reference(reference.cells, reference.total, {day: reference.days[day] for day in days[:start]})
    summaries = np.array([reference.days[day] for day in days[start:end]])
    model = modelled(before, float(np.median(summaries[:, 0])), false_alarms)
    seen = compared(model, summaries, [day.toordinal() for day in days[start:end]])
    for columns, groups in episodes_in(model, seen).items():
        yield from ((columns, start + int(group[0])) for group in groups)
