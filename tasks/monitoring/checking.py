"""Whether the promise would have been kept on the reference's own days."""

from __future__ import annotations

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

    Not kept is said where a Poisson count of the promised mean would be smaller in 95 % of cases.
    """
    n_days = len(reference.days)
    starts = range(FIRST, n_days, block)
    seen = sum(_episodes(reference, false_alarms, start, min(start + block, n_days)) for start in starts)
    n_windows = max(n_days - FIRST, 0)
    promised = false_alarms * n_windows / 365
    return Check(n_windows=n_windows, promised=promised, seen=seen, kept=seen <= most_of(promised))


def most_of(mean: float, chance: float = 0.95) -> int:
    """The largest count that a Poisson variable of this mean does not pass in so many of cases."""
    term = total = float(np.exp(-mean))
    count = 0
    while total < chance:
        count += 1
        term *= mean / count
        total += term
    return count


def _episodes(reference: Reference, false_alarms: float, start: int, end: int) -> int:
    """The alarm episodes of the days from `start` to `end`, judged by those before."""
    days = list(reference.days)
    before = Reference(reference.cells, reference.total, {day: reference.days[day] for day in days[:start]})
    summaries = np.array([reference.days[day] for day in days[start:end]])
    model = modelled(before, float(np.median(summaries[:, 0])), false_alarms)
    seen = compared(model, summaries, [day.toordinal() for day in days[start:end]])
    return sum(len(groups) for groups in episodes_in(model, seen).values())
