"""What goes wrong with numbers on their way: another unit, the other sign, one value that stands still."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from tasks.monitoring.incident_facts import ColumnFacts
from tasks.monitoring.incident_records import Incident, incident
from tasks.monitoring.incident_units import temperature, unit
from tasks.monitoring.incident_values import FEWEST, INNER, LOOSE, Floats, at_grid, numbers, sampling_error, sizes


def number_incidents(window: pl.DataFrame, facts: ColumnFacts) -> Iterator[Incident]:
    """What is wrong with a column of numbers, the likeliest cause alone."""
    values = window[facts.name].cast(pl.Float64)
    found = numbers(values)
    if len(found) < FEWEST or facts.n_values < FEWEST:
        return
    for told in (unit, temperature, _sign, stuck):
        result = told(window, facts)
        if result is not None:
            yield result
            return


def _sign(window: pl.DataFrame, facts: ColumnFacts) -> Incident | None:
    values = window[facts.name].cast(pl.Float64)
    known = np.array(facts.sizes)
    if not len(known) or 0.02 < facts.negative < 0.98:
        return _mirrored(window, facts, values)
    hit = (values < 0 if facts.negative <= 0.02 else values > 0).fill_null(False)
    size = sizes(numbers(values.filter(hit)))
    if len(size) < max(5, 0.05 * window.height) or hit.mean() <= 3 * min(facts.negative, 1 - facts.negative):  # type: ignore[operator]
        return None
    # A mean that fell below 0 brings small negative values; a flipped sign leaves all as large as they were.
    every = sizes(numbers(values))
    error = sampling_error(known, len(every), facts.n_values)
    same = np.abs(at_grid(every) - known)[INNER] <= 0.03 + 4 * error[INNER]
    as_large = same.mean() >= 0.9 and np.abs(np.quantile(size, (0.25, 0.5, 0.75)) - known[[7, 12, 17]]).max() <= LOOSE
    if not as_large and not _is_opposite(values, every, facts):
        return None
    were = "negative" if facts.negative <= 0.02 else "positive"
    told = f"{facts.name} is {were} in {hit.mean():.0%} of the rows, and as large as ever: its sign is flipped"
    return incident("sign_flip", window, hit, told, facts.name)


def _is_opposite(values: pl.Series, size: Floats, facts: ColumnFacts) -> bool:
    """Whether all values have the sign that none had, and a size that they had in some block: a season is no drift so
    far that it takes all of them to the other side of 0."""
    found, (low, high) = numbers(values), facts.size_range
    other = (found <= 0 if facts.negative == 0 else found >= 0).mean() if facts.negative in (0, 1) else 0.0
    near = (size >= facts.sizes[0] - LOOSE) & (size <= facts.sizes[-1] + LOOSE)
    return bool(other >= 0.99 and near.mean() >= 0.95 and low - LOOSE <= float(np.median(size)) <= high + LOOSE)


def _mirrored(window: pl.DataFrame, facts: ColumnFacts, values: pl.Series) -> Incident | None:
    known, found = np.array(facts.quantiles), at_grid(numbers(values))
    half = float(known[17] - known[7])  # between the quartiles
    if half <= 0:
        return None
    as_it_is, mirrored = (np.abs(each - known)[INNER].mean() / half for each in (found, -found[::-1]))
    if as_it_is > 1.5 and mirrored < 0.15:
        told = f"{facts.name} fits what it was with its sign flipped"
        return incident("sign_flip", window, values.is_not_null(), told, facts.name)
    return None


def stuck(window: pl.DataFrame, facts: ColumnFacts) -> Incident | None:
    """One value in the place of many."""
    values = window[facts.name].drop_nulls()
    if len(values) < FEWEST or facts.n_distinct < 3 or facts.constant_blocks > 0.02:
        return None
    commonest = values.value_counts(sort=True)
    value, share = commonest[facts.name][0], commonest["count"][0] / len(values)
    least = 0.5 if facts.commonest < 0.05 and facts.n_distinct >= 50 else 1.0
    if share < least or facts.commonest >= 0.8:
        return None
    were = f"{facts.n_distinct:,} different values before"
    told = f"{facts.name} is {value!r} in {share:.0%} of the rows, where it had {were}: it does not move any more"
    return incident("stuck", window, window[facts.name] == value, told, facts.name)
