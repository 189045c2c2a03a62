"""The levels that a statistic had in the reference's days: a lasting change that was learnt is no spread of days.

Days before and after a change together would be held for days that differ much, around a mean that no day has: the
new world would go on drifting after the training that learnt it. A change is a place where the days before differ from
those after by more than chance allows, by Student's t over all places (Bonferroni); again within both parts, the newest
first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tasks.monitoring.cells import Floats, Ints

FEWEST = 2
"""Days of a level: one day is an outlier, and a training may answer to two."""
MOST = 4
"""Levels; a slow season would have many."""
CHANCE = 0.001
"""Of a change where there is none, of one statistic: about the alarms' own limit at each place."""
BETTER = 1.1
"""Times less that a change must leave than a parabola does, so that a season is none."""


@dataclass(frozen=True, eq=False)
class Levels:
    """Levels x statistics, the newest first, NaN where there are fewer: by how much each is above the newest, its days
    and the place of its first day. `steps` is days x statistics: the offset of each day's level."""

    offset: Floats
    n_days: Floats
    first: Floats
    steps: Floats


def levels(rest: Floats, long: Floats, floor: Floats) -> Levels:
    """The levels of days x statistics, whose weekday is taken off.

    `long` is by how much sums over many days vary more than those of unlike days, `floor` the least variance of a day.
    """
    n_days, n_statistics = rest.shape
    shape = (MOST, n_statistics)
    offset, days, first = np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, np.nan)
    offset[0], days[0], first[0] = 0.0, n_days, 0.0
    steps = np.zeros(rest.shape)
    chance, _ = _change(rest, long, floor)
    for column in np.flatnonzero(chance < CHANCE):
        starts = _starts(rest[:, [column]], long[[column]], floor[[column]])
        parts = list(zip(starts, [*starts[1:], n_days], strict=True))[::-1]
        means = [float(rest[start:end, column].mean()) for start, end in parts]
        for place, (start, end) in enumerate(parts):
            offset[place, column], days[place, column], first[place, column] = (
                means[place] - means[0],
                end - start,
                start,
            )
            steps[start:end, column] = offset[place, column]
    most = int(np.isfinite(offset).sum(axis=0).max(initial=1))
    return Levels(offset[:most], days[:most], first[:most], steps)


def unbroken(rest: Floats, floor: Floats) -> Floats:
    """The days without each statistic's likeliest change, real or not: no change is in what is estimated of them."""
    _, places = _change(rest, np.ones(rest.shape[1]), floor)
    after = np.arange(len(rest))[:, None] >= places
    moved = (rest * after).sum(axis=0) / np.maximum(after.sum(axis=0), 1)
    stayed = (rest * ~after).sum(axis=0) / np.maximum((~after).sum(axis=0), 1)
    return rest - np.where(after, moved, stayed)


def _starts(rest: Floats, long: Floats, floor: Floats) -> list[int]:
    """The first days of one statistic's levels, in order."""
    starts, parts = [0], [(0, len(rest))]
    while parts and len(starts) < MOST:
        start, end = parts.pop()
        chance, place = _change(rest[start:end], long, floor)
        if chance[0] < CHANCE:
            between = start + int(place[0])
            starts.append(between)
            parts += [(start, between), (between, end)]
    return sorted(starts)


def _change(rest: Floats, long: Floats, floor: Floats) -> tuple[Floats, Ints]:
    """Of each statistic the likeliest first day after a change, and the chance of so much at any place."""
    from scipy.special import stdtr

    n_days = len(rest)
    if n_days < 2 * FEWEST:
        return np.ones(rest.shape[1]), np.zeros(rest.shape[1], np.int64)
    before = np.arange(FEWEST, n_days - FEWEST + 1)[:, None]
    after = n_days - before
    summed = rest.cumsum(axis=0)
    difference = (summed[-1] - summed[before[:, 0] - 1]) / after - summed[before[:, 0] - 1] / before
    whole = ((rest - rest.mean(axis=0)) ** 2).sum(axis=0)
    within = np.maximum((whole - difference**2 * before * after / n_days) / max(n_days - 2, 1), floor)
    # The mean of a few days that resemble each other varies no more than one day does.
    error = within * (np.minimum(long / before, 1) + np.minimum(long / after, 1))
    chance = 2 * stdtr(max(n_days - 2, 1), -np.abs(difference) / np.sqrt(error)) * len(before)
    likeliest = chance.argmin(axis=0)[None]
    left = np.take_along_axis(whole - difference**2 * before * after / n_days, likeliest, 0)[0]
    return np.where(BETTER * left < _around_curve(rest), chance.min(axis=0), 1.0), before[likeliest[0], 0]


def _around_curve(rest: Floats) -> Floats:
    """What a parabola leaves: a season is followed by it better than by a level, and goes on after its last day."""
    days = np.linspace(-1, 1, len(rest))
    basis, _ = np.linalg.qr(np.column_stack([np.ones(len(days)), days, days**2]))
    return ((rest - basis @ (basis.T @ rest)) ** 2).sum(axis=0)
