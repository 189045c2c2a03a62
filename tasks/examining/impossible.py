"""Values that a column cannot mean: told from its name together with what nearly all of its values are.

A name alone proves nothing (`age_gap` may be negative), and neither do values alone: a rule speaks only when the name
is of the kind and at most one row in a hundred breaks what all others hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tasks.core.figures import figure, percent
from tasks.examining.doubts import Doubt, Numbers

MOST_BROKEN = 0.01
"""If more rows break it, it is not what the column means."""
LEAST_VALUES = 50
MOST_PLACEHOLDERS = 0.5
LEAST_SPREAD = 20
"""So many different values must a column have beside 0 for 0 to stand apart from them."""
APART, FAR = 2.0, 3.0
"""0 is a placeholder when it is so many times farther below the least other value than any of the lower half of them
are apart, and the median is so many times farther from 0 than from the lower quartile."""


@dataclass(frozen=True)
class Bounds:
    """What columns with one of these words in their name hold, in their unit."""

    words: frozenset[str]
    low: float
    high: float
    meaning: str


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


BOUNDS = (
    Bounds(_words("lat latitude"), -90, 90, "a latitude is between -90 and 90"),
    Bounds(_words("lon lng longitude"), -180, 180, "a longitude is between -180 and 180"),
    Bounds(_words("month mnth"), 1, 12, "a month is between 1 and 12"),
    Bounds(_words("weekday dayofweek"), 0, 7, "a day of the week is between 0 and 7"),
    Bounds(_words("hour hours hr"), 0, 24, "an hour is between 0 and 24"),
    Bounds(_words("minute"), 0, 60, "a minute is between 0 and 60"),
    Bounds(_words("day"), 1, 31, "a day of a month is between 1 and 31"),
    Bounds(_words("year yr"), 1800, 2200, "the others are years from 1800 to 2200"),
    Bounds(_words("ph"), 0, 14, "a pH is between 0 and 14"),
    Bounds(_words("share fraction proportion probability prob ratio"), 0, 1, "the others are between 0 and 1"),
    Bounds(
        _words("percent percentage pct perc share humidity proportion"), 0, 100, "a percentage is between 0 and 100"
    ),
    Bounds(_words("age"), 0, 130, "an age is between 0 and 130 years"),
    Bounds(
        _words(
            "price cost count quantity qty weight height width length depth distance duration area size population "
            "salary income wage fare fee num number tenure speed volume mass rooms households capacity age rainfall "
            "precipitation visits clicks views orders amount"
        ),
        0,
        np.inf,
        "such a figure is not negative, and no other is",
    ),
)
PAIRS = (
    ("start", "end"),
    ("begin", "end"),
    ("from", "to"),
    ("pickup", "dropoff"),
    ("departure", "arrival"),
    ("opened", "closed"),
    ("created", "closed"),
    ("created", "updated"),
    ("ordered", "shipped"),
    ("order", "ship"),
    ("order", "delivery"),
    ("admission", "discharge"),
    ("checkin", "checkout"),
    ("birth", "death"),
    ("min", "max"),
    ("minimum", "maximum"),
    ("lower", "upper"),
    ("low", "high"),
)


def doubts(columns: Sequence[Numbers]) -> Iterator[Doubt]:
    """The values of these columns that cannot be."""
    for column in columns:
        if len(column.values) < LEAST_VALUES:
            continue
        if not column.moments:
            yield from _out_of_bounds(column)
            yield from _placeholder_zero(column)
    yield from _reversed(columns)


def words_of(name: str) -> list[str]:
    """The words of a column's name, in lower case: pickupTime and pickup_time are both pickup, time."""
    return re.findall(r"[a-z]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower())


def _out_of_bounds(column: Numbers) -> Iterator[Doubt]:
    words = set(words_of(column.name))
    for bounds in BOUNDS:
        if not words & bounds.words:
            continue
        broken = (column.values < bounds.low) | (column.values > bounds.high)
        if broken.mean() > MOST_BROKEN:
            continue
        # The first bounds that the column keeps are its own, whether or not a value of the sample breaks them.
        number = column.expression
        below, above = bounds.low - number, number - bounds.high
        extreme = above if bounds.low == -np.inf else below if bounds.high == np.inf else below.abs().clip(above)
        yield Doubt(
            "impossible",
            column.name,
            (number < bounds.low) | (number > bounds.high),
            extreme,
            f"impossible: {bounds.meaning}",
            "Correct them at the source, or quarantine them with a line in expectations.yaml",
        )
        return


def _placeholder_zero(column: Numbers) -> Iterator[Doubt]:
    """0 where all other values are far from it, on one side."""
    zero = column.values == 0
    if not 2 <= zero.sum() <= MOST_PLACEHOLDERS * len(zero):
        return
    others = column.values[~zero]
    different = np.unique(others)
    if len(different) < LEAST_SPREAD or different[0] < 0:
        return
    low, middle = (float(each) for each in np.quantile(others, (0.25, 0.5)))
    widest = float(np.diff(different[different <= middle], append=middle).max())
    if different[0] < APART * widest or middle < FAR * (middle - low):
        return
    least = float(different[0])
    yield Doubt(
        "placeholder",
        column.name,
        column.expression == 0,
        column.expression * 0,
        f"0, while the others are from {figure(least)} on: 0 may stand for an unknown value",
        f"If so, say `columns: {{{column.name}: {{missing_values: [0]}}}}` in project.yaml",
    )


def _reversed(columns: Sequence[Numbers]) -> Iterator[Doubt]:
    """Ends before their starts, in two columns whose names differ in that word alone."""
    named = {(tuple(words_of(column.name)), column.moments): column for column in columns}
    done: set[tuple[str, str]] = set()
    for (words, moments), first in named.items():
        for start, end in PAIRS:
            if start not in words:
                continue
            last = named.get((tuple(end if word == start else word for word in words), moments))
            if last is None or (first.name, last.name) in done:
                continue
            done.add((first.name, last.name))
            _, here, there = np.intersect1d(first.places, last.places, assume_unique=True, return_indices=True)
            after = first.values[here] > last.values[there]
            if len(after) < LEAST_VALUES or after.mean() > MOST_BROKEN:
                continue
            yield Doubt(
                "impossible",
                last.name,
                first.expression > last.expression,
                first.expression - last.expression,
                f"before {first.name}, unlike in {percent(1 - after.mean())} of the rows",
                "Correct them at the source, or quarantine them with a line in expectations.yaml",
            )
