"""Columns that are known only when the answer is: filled for one outcome alone, later than the moment asked about, or
telling of the next row's answer."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import polars as pl

from tasks.core import store
from tasks.core.figures import percent
from tasks.core.records import Dataset
from tasks.examining.giveaway import left_open, levels
from tasks.examining.sampled import Codes, Numbers, Sample, answered, numbers

PURE = 0.995
"""Share of one class among the rows that have a value, or that have none."""
BY_CHANCE = 1e-9
"""How probable so pure a group may be by chance."""
LATER = 0.95
"""Share of a column's dates that lie after the row's time."""
NEXT_OPEN = 0.02
"""Of the next row's answer."""
ROWS_IN_ORDER = 20_000
PLANNED = re.compile(r"due|deadline|expir|expect|sched|plan|valid|matur|until|promis|forecast|check_?in")
"""Dates of such names are known beforehand, though they are later."""


def filled_by_outcome(sample: Sample) -> dict[str, str]:
    """Columns that have a value, or have none, for rows of one of two classes alone, like the boat of the saved."""
    if sample.target.problem != "binary":
        return {}
    found: dict[str, str] = {}
    share = float(sample.values.mean())
    for values in sample.train.iter_columns():
        there = values.is_not_null().to_numpy()
        for group, what in ((there, "has a value"), (~there, "has no value")):
            n_rows = int(group.sum())
            if not 0 < n_rows < len(there):
                continue
            positive = float(sample.values[group].mean())
            pure, by_chance = max(positive, 1 - positive), share if positive > 0.5 else 1 - share
            # A group that is pure because nearly all rows are of that class says nothing.
            if pure >= PURE and n_rows * np.log(by_chance) < np.log(BY_CHANCE):
                name = sample.target.classes[int(positive > 0.5)]
                text = f"leaks the target: of {n_rows:,} rows in which it {what}, {percent(pure)} are {name!r}"
                found.setdefault(
                    values.name, f"{text}, and {percent(by_chance)} of all: known only afterwards, it seems"
                )
    return found


def later_than(time: str, rows: pl.DataFrame) -> dict[str, str]:
    """Columns of dates that lie after the row's own time, and are not planned ones by their name."""
    if not rows[time].dtype.is_temporal():
        return {}
    moment = numbers(rows[time])
    found: dict[str, str] = {}
    for values in rows.iter_columns():
        if values.name == time or not values.dtype.is_temporal() or PLANNED.search(values.name.lower()):
            continue
        late = (dates := numbers(values)) > moment
        there = np.isfinite(dates) & np.isfinite(moment)
        # Always as much later is the same moment in other words: the end of the day, another zone.
        if there.sum() >= 20 and late[there].mean() >= LATER and len(np.unique((dates - moment)[there])) > 1:
            share = percent(float(late[there].mean()))
            found[values.name] = f"is later than `{time}` in {share} of the rows: not known at the moment asked about"
    return found


def next_answers(train: Dataset, columns: list[str], time: str | None, sample: Sample) -> dict[str, str]:
    """Columns that tell the next row's answer far better than the row's own, or the one's before."""
    rows = store.scan(train).select([*columns, *([time] if time else [])]).head(ROWS_IN_ORDER).collect()
    if not sample.is_whole:
        sample = _first_rows(train, sample)
    times = rows[time] if time else _rising(rows)
    if times is None:
        return {}
    steps = np.diff(numbers(times))
    forwards = steps[np.isfinite(steps) & (steps != 0)]
    if len(forwards) < 50:
        return {}
    common, counts = np.unique(forwards, return_counts=True)
    step = common[np.argmax(counts)]
    neighbours = np.flatnonzero(steps == step)
    if len(neighbours) < max(50, 0.2 * len(steps)):
        return {}
    here, after = (neighbours, neighbours + 1) if step > 0 else (neighbours + 1, neighbours)
    found: dict[str, str] = {}
    for values in rows.select(columns).iter_columns():
        if values.name == times.name:
            continue
        views = levels(values)
        ahead = _best(views, here, after, sample)
        if ahead <= NEXT_OPEN and ahead <= 0.2 * min(
            _best(views, here, here, sample), _best(views, after, here, sample)
        ):
            told = "explains {} of the ranks" if sample.target.problem == "regression" else "tells {} of the classes"
            told = told.format(percent(1 - ahead))
            found[values.name] = f"leaks the target: it {told} of the next row in time, which is not known yet"
    return found


def _best(views: list[Codes], at: Codes, of: Codes, sample: Sample) -> float:
    """What the column in the rows `at` leaves open of the answers of the rows `of`, at best."""
    # Blocks as folds, since neighbours in time are alike.
    blocks = np.arange(len(at)) * 4 // len(at)
    moved = replace(sample, values=sample.values[of], answers=sample.answers[of], folds=blocks)
    return float(min(left_open(view[at], moved).max() for view in views))


def _rising(rows: pl.DataFrame) -> pl.Series | None:
    """The first column of dates that go one way from row to row, which says what the next row in time is."""
    for values in rows.iter_columns():
        if values.dtype.is_temporal() and not values.has_nulls() and values.n_unique() > 1:
            steps: Numbers = np.diff(numbers(values))
            # Several series, one after the other, turn back in time a few times.
            if min((steps < 0).mean(), (steps > 0).mean()) < 0.02:
                return values
    return None


def _first_rows(train: Dataset, sample: Sample) -> Sample:
    rows = store.scan(train).select(sample.target.name, "__fold__").head(ROWS_IN_ORDER).collect()
    return answered(rows, sample.train.head(0), sample.test, sample.target, train.n_rows)
