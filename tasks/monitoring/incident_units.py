"""Numbers in another unit: moved by the logarithm of a known factor, or with digits that only a factor explains.

A unit is told by the whole distribution of log |x|: it must be moved by the logarithm of the factor at every quantile,
further than any block of the reference was. A drift that is that large and that even is taken for a unit. Where all
values have few digits behind the point, the factor that gives them back is told by these, whatever the season is.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl

from tasks.monitoring.incident_facts import ColumnFacts
from tasks.monitoring.incident_records import Incident, incident
from tasks.monitoring.incident_values import (
    FEWEST,
    INNER,
    LOOSE,
    Floats,
    at_grid,
    decimals,
    numbers,
    on_grid,
    sampling_error,
    sizes,
)

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
UNLIKE_TEN = {float(np.log10(factor)) for factor in FACTORS if factor != round(factor)}
"""log10 of the factors that bring no number of few digits to another."""
LARGE = 0.9
"""log10 from which a factor is no drift that anything else would bring; a smaller one must be met exactly."""
EXACT = 0.012
"""By how much log10 |x| may be off a small factor at a quantile, besides the sampling error."""
PARTIAL = 0.03
"""The share of rows with a new unit, far out of all that was seen, from which it is told."""


def unit(window: pl.DataFrame, facts: ColumnFacts) -> Incident | None:
    """A factor between what the values are and what they were, in all rows or in some."""
    values = window[facts.name].cast(pl.Float64)
    size = sizes(numbers(values))
    if len(size) < FEWEST or not facts.sizes or facts.identifier:
        return None
    known = np.array(facts.sizes)
    gap = (at_grid(size) - known)[INNER]
    error = sampling_error(known, len(size), facts.n_values)[INNER]
    found = numbers(values)
    found = found[found != 0]
    broken = facts.decimals is not None and float(on_grid(found, facts.decimals).mean()) < 0.5
    best: tuple[float, float, str, str] | None = None
    for factor, words in FACTORS.items():
        for sign in (1, -1):
            log = sign * float(np.log10(factor))
            off = float(np.abs(gap - log).mean())
            undone = broken and _is_undone(found, log, facts)
            moved = _is_moved(gap, log, error, size, undone, facts)
            if (moved or (undone and _is_resized(size, log, facts))) and (best is None or off < best[0]):
                best = off, log, words, "at every quantile" if moved else "by its digits"
    if best is not None:
        told = f"{facts.name} is {_times(best[1])} what it was {best[3]}: {best[2]}?"
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


def _is_undone(found: Floats, log: float, facts: ColumnFacts) -> bool:
    """Whether values with too many digits have as many as ever once the factor is taken off, were they rounded or not:
    another growth leaves others."""
    digits, rounded = facts.decimals or 0, decimals(found)
    slack = 0.0 if rounded is None else 0.51 * 10.0 ** (digits - rounded - log)
    return slack < 0.1 and bool(on_grid(found / 10.0**log, digits, slack).mean() >= 0.99)


def _is_resized(size: Floats, log: float, facts: ColumnFacts) -> bool:
    """Whether the factor brings the sizes back to what they were in some block, and for a whole one nearer to the
    usual: ten of anything has a digit less too."""
    median, usual, (low, high) = float(np.median(size)), facts.sizes[len(facts.sizes) // 2], facts.size_range
    nearer = abs(log) in UNLIKE_TEN or abs(median - log - usual) < abs(median - usual)
    return nearer and low - LOOSE <= median - log <= high + LOOSE and len(np.unique(size)) >= FEWEST // 2


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


def temperature(window: pl.DataFrame, facts: ColumnFacts) -> Incident | None:
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


def _times(log: float) -> str:
    direction: Literal["times", "of"] = "times" if log > 0 else "of"
    factor = f"{10 ** abs(log):,.4g}"
    return f"{factor} times" if direction == "times" else f"1/{factor} of"
