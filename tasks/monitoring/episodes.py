"""Alarms that belong together: an episode of one column or pair lasts until seven quiet windows have passed."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import numpy as np

from tasks.core.records import Record
from tasks.monitoring.cells import Ints
from tasks.monitoring.daily import Daily
from tasks.monitoring.watching import Flags, Model, Watched

QUIET = 7
"""Quiet windows after which an episode is over."""


class Episode(Record):
    """Alarms of one column or pair with less than seven quiet windows between them; `open` while they may go on."""

    columns: tuple[str, ...]
    first: datetime.date | int
    last: datetime.date | int
    n_alarms: int
    open: bool


def episodes_of(model: Model, seen: Watched, history: Sequence[Daily]) -> tuple[Episode, ...]:
    """The episodes of each column and pair, in the order of their beginning."""
    found: list[Episode] = []
    for columns, groups in episodes_in(model, seen).items():
        names = tuple(model.layout.cells.names[column] for column in columns)
        for group in groups:
            first, last = int(group[0]), int(group[-1])
            still = len(history) - 1 - last < QUIET
            at = (history[first].day or first, history[last].day or last)
            found.append(Episode(columns=names, first=at[0], last=at[1], n_alarms=len(group), open=still))
    return tuple(sorted(found, key=lambda each: (str(each.first), each.columns)))


def episodes_in(model: Model, seen: Watched) -> dict[tuple[int, ...], list[Ints]]:
    """The windows of each episode, of each column and pair that has any."""
    days = alarm_days(model, seen)
    return {key: np.split(each, np.flatnonzero(np.diff(each) > QUIET) + 1) for key, each in days.items()}


def alarm_days(model: Model, seen: Watched) -> dict[tuple[int, ...], Ints]:
    """The windows with an alarm, of each column and pair that has any."""
    alarms: dict[tuple[int, ...], Flags] = {}

    def add(key: tuple[int, ...], flags: Flags) -> None:
        if flags.any():
            alarms[key] = alarms.get(key, np.zeros(len(flags), bool)) | flags

    for place in np.flatnonzero(seen.alarms.any(axis=0)):
        s = model.layout.statistics[place]
        add((s.column,) if s.other < 0 else (s.column, s.other), seen.alarms[:, place])
    for place in np.flatnonzero(seen.odd_alarms.any(axis=0)):
        add((model.counted[place].column,), seen.odd_alarms[:, place])
    for column in np.flatnonzero(seen.slow_alarms.any(axis=0)):
        add((int(column),), seen.slow_alarms[:, column])
    return {key: np.flatnonzero(flags) for key, flags in alarms.items()}
