"""What goes wrong with numbers on their way: another unit, the other sign, one value that stands still.

A unit is told by the whole distribution of log |x|: it must be moved by the logarithm of a known factor at every
quantile, further than any block of the reference was. A drift that is that large and that even is taken for a unit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
import polars as pl

from tasks.monitoring.incident_facts import ColumnFacts
from tasks.monitoring.incident_records import Incident, incident
from tasks.monitoring.incident_values import GRID, Floats, at_grid, numbers, sizes

FEWEST = 20
FACTORS: dict[float, str] = {
    10.0: "a decimal place, or centimetres for millimetres",
    100.0: "cents for units, or percent for shares",
    1_000.0: "thousands, grams for kilograms, or milliseconds for seconds",
    1e6: "millions, or microseconds for seconds",
    60.0: "minutes for hours, or seconds for minutes",
    3_600.0: "seconds for hours",
    24.0: "hours for days",
    2.54: "centimetres for inches",
    25.4: "millimetres for inches",
    3.28084: "feet for metres",
    1.609344: "kilometres for miles",
    2.20462: "pounds for kilograms",
}
LARGE = 0.9
"""log10 from which a factor is no drift that anything else would bring; a smaller one must be met exactly."""
LOOSE, EXACT = 0.15, 0.012
"""By how much log10 |x| may be off a factor at a quantile, besides the sampling error."""
INNER = slice(3, -3)
"""The quantiles of 0.05 to 0.95: further out they are noise."""
PARTIAL = 0.03
"""The share of rows with a new unit, far out of all that was seen, from which it is told."""
_P = np.array(GRID)


def number_incidents(window: pl.DataFrame, facts: ColumnFacts) -> Iterator[Incident]:
    """What is wrong with a column of numbers, the likeliest cause alone."""
    values = window[facts.name].cast(pl.Float64)
    found = numbers(values)
    if len(found) < FEWEST or facts.n_values < FEWEST:
        return
    for told in (_unit, _temperature, _sign, stuck):
        result = told(window, facts)
        if result is not None:
            yield result
            return


def _unit(window: pl.DataFrame, facts: ColumnFacts) -> Incident | None:
    values = window[facts.name].cast(pl.Float64)
    size = sizes(numbers(values))
    if len(size) < FEWEST or not facts.sizes or facts.identifier:
        return None
    known = np.array(facts.sizes)
    gap = (at_grid(size) - known)[INNER]
    error = _sampling_error(known, len(size), facts.n_values)[INNER]
    found = numbers(values)
    broken = facts.whole >= 0.99 and float((found == np.floor(found)).mean()) < 0.5
    best: tuple[float, float, str] | None = None
    for factor, words in FACTORS.items():
        for sign in (1, -1):
            log = sign * float(np.log10(factor))
            off = float(np.abs(gap - log).mean())
            if _is_moved(gap, log, error, size, broken, facts) and (best is None or off < best[0]):
                best = off, log, words
    if best is not None:
        told = f"{facts.name} is {_times(best[1])} what it was at every quantile: {best[2]}?"
        return incident("unit_change", window, values.is_not_null(), told, facts.name)
    return _partly(window, facts, values, known)


def _is_moved(gap: Floats, log: float, error: Floats, size: Floats, broken: bool, facts: ColumnFacts) -> bool:
    """Whether all quantiles are moved by this logarithm, and the median to where no block ever had it."""
    low, high = facts.size_range
    median = float(np.median(size))
    beyond = (median - high if log > 0 else low - median) / abs(log)
    if abs(log) >= LARGE:
        close = np.abs(gap - log) <= LOOSE + np.minimum(3 * error, LOOSE)
        return bool(close.mean() >= 0.9 and abs(np.median(gap) - log) <= LOOSE and beyond > 0.4)
    # A whole number that is one no more was multiplied; else, around 0, a greater variance moves |x| as evenly.
    if (facts.negative > 0.02 and not broken) or np.median(error) > (0.06 if broken else abs(log) / 14):
        return False
    close = np.abs(gap - log) <= EXACT + 4 * error
    exact = abs(np.median(gap) - log) <= EXACT + float(np.median(error))
    return bool(close.mean() >= 0.9 and exact and beyond > 0.2)


def _partly(window: pl.DataFrame, facts: ColumnFacts, values: pl.Series, known: Floats) -> Incident | None:
    """Some rows in another unit, all of them beyond what was seen."""
    size = values.abs().log(10.0)
    for factor, words in FACTORS.items():
        log = float(np.log10(factor))
        if log < 1.5:
            continue
        # Not the other way: a mean that fell brings values as near to 0 as you like.
        hit = (size > known[-1] + 0.2).fill_null(False)
        if hit.sum() < max(5, PARTIAL * window.height):
            continue
        back = numbers(size.filter(hit)) - log
        if np.abs(np.quantile(back, (0.25, 0.5, 0.75)) - known[[7, 12, 17]]).max() <= 2 * LOOSE:
            told = f"{facts.name} is {_times(log)} what it was in {hit.mean():.0%} of the rows: {words}?"
            return incident("unit_change", window, hit, told, facts.name)
    return None


def _temperature(window: pl.DataFrame, facts: ColumnFacts) -> Incident | None:
    """Fahrenheit for Celsius, or the other way."""
    values = window[facts.name].cast(pl.Float64)
    known, found = np.array(facts.quantiles), at_grid(numbers(values))
    span = float(known[-4] - known[3])
    if facts.n_distinct < 20 or span <= 0:
        return None
    changes = (
        ((found - 32) / 1.8, "degrees Fahrenheit for Celsius", -60, 60),
        (found * 1.8 + 32, "degrees Celsius for Fahrenheit", -80, 140),
    )
    before = float(np.abs(found - known)[INNER].mean()) / span
    for back, words, low, high in changes:
        after = float(np.abs(back - known)[INNER].mean()) / span
        inside = np.mean((back >= known[0] - 0.1 * span) & (back <= known[-1] + 0.1 * span))
        outside = np.mean((found < known[0]) | (found > known[-1]))
        if low <= known[0] and known[-1] <= high and after < 0.3 * before and inside >= 0.95 and outside >= 0.2:
            told = f"{facts.name} fits what it was if it is read as {words}"
            return incident("unit_change", window, values.is_not_null(), told, facts.name)
    return None


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
    error = _sampling_error(known, len(every), facts.n_values)
    same = np.abs(at_grid(every) - known)[INNER] <= 0.03 + 4 * error[INNER]
    if same.mean() < 0.9 or np.abs(np.quantile(size, (0.25, 0.5, 0.75)) - known[[7, 12, 17]]).max() > LOOSE:
        return None
    were = "negative" if facts.negative <= 0.02 else "positive"
    told = f"{facts.name} is {were} in {hit.mean():.0%} of the rows, and as large as ever: its sign is flipped"
    return incident("sign_flip", window, hit, told, facts.name)


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


def _sampling_error(known: Floats, n_window: int, n_reference: int) -> Floats:
    """The standard error of the difference of two samples' quantiles."""
    slope = np.gradient(known, _P)
    error = np.sqrt(_P * (1 - _P) * (1 / n_window + 1 / n_reference)) * np.abs(slope)
    return np.asarray(error, np.float64)


def _times(log: float) -> str:
    direction: Literal["times", "of"] = "times" if log > 0 else "of"
    factor = f"{10 ** abs(log):,.4g}"
    return f"{factor} times" if direction == "times" else f"1/{factor} of"
