"""Whether some values are the others in another unit: converted they have the others' distribution."""

from __future__ import annotations

import numpy as np

from tasks.examining.conversions import CONVERSIONS, Conversion
from tasks.examining.doubts import Floats

LEAST_PART = 20
"""Values that a part must have; fewer agree with anything."""
QUANTILES = np.array([0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95])
MIDDLE = 3
AGREES, AGREES_SMALL = 4.0, 2.5
"""Standard errors within which the converted quantiles must agree with the others' (the worst of seven); the second
for conversions of less than seven times, by which things of two kinds often differ."""
NEARLY = 1.0
"""A conversion is preferred to rarer ones that agree better by at most so many standard errors."""
SURE = 0.15
"""The part's median must be known to so much of the conversion, or another conversion would do as well."""
HUGE = 50.0
"""From such a factor on it is enough that the medians agree to a quarter of it (in logarithms) and the spreads to two
times: hardly anything is so far apart by nature, and rows of another time or place are never quite alike."""


def wander(values: Floats, spread: float, n: float) -> float:
    """How much parts of `n` such values differ beyond what chance in so few values explains."""
    scale = np.log(values) if (values > 0).all() else values
    low, high = np.quantile(scale, (0.25, 0.75))
    chance = 1.2533 * (high - low) / 1.349 / np.sqrt(n)
    return float(np.sqrt(max(0.0, spread**2 - chance**2)))


def conversion_of(some: Floats, others: Floats, wander: float) -> Conversion | None:
    """The conversion that gives `some` the others' distribution, if there is one."""
    best: tuple[float, Conversion] | None = None
    for each in nearest(some, others):
        missed = misfit(some, others, each, wander)
        if missed is not None and (best is None or missed < best[0] - NEARLY):
            best = missed, each
    return best[1] if best else None


def nearest(some: Floats, others: Floats) -> list[Conversion]:
    """The conversions that bring the medians nearest to each other, in their own order."""
    ours, theirs = float(np.median(some)), float(np.median(others))
    width = float(np.quantile(others, 0.75) - np.quantile(others, 0.25)) or abs(theirs)
    off = [abs((ours - each.offset) / each.factor - theirs) / width for each in CONVERSIONS]
    least = sorted(range(len(off)), key=lambda index: (off[index], index))[:4]
    return [CONVERSIONS[index] for index in sorted(least)]


def misfit(some: Floats, others: Floats, conversion: Conversion, wander: float) -> float | None:
    """By how many standard errors the converted quantiles miss the others'; None where it is no conversion.

    `wander` is how much parts differ from each other in any case.
    """
    if min(len(some), len(others)) < LEAST_PART:
        return None
    back = np.quantile((some - conversion.offset) / conversion.factor, QUANTILES)
    theirs = np.quantile(others, QUANTILES)
    positive = bool((theirs > 0).all() and (back > 0).all())
    error = np.hypot(_errors(others, len(some)), wander * (np.abs(theirs) if positive else 1.0))
    missed = float(np.max(np.abs(back - theirs) / error))
    middle = float(back[MIDDLE])
    moved = abs(middle * conversion.factor + conversion.offset - middle) / max(1.0, conversion.factor)
    if missed < (AGREES if conversion.is_large else AGREES_SMALL) and error[MIDDLE] < SURE * moved:
        return missed
    size = abs(np.log(conversion.factor))
    if positive and not conversion.offset and size >= np.log(HUGE):
        spread = np.log(back[-1] / back[0]) / max(float(np.log(theirs[-1] / theirs[0])), 1e-9)
        off = abs(float(np.log(middle / theirs[MIDDLE])))
        if off < size / 4 and 0.5 < spread < 2:
            return AGREES + off
    return None


def _errors(values: Floats, n: int) -> Floats:
    """Standard errors of the difference between the quantiles of `values` and those of `n` others like them."""
    step = np.sqrt(QUANTILES * (1 - QUANTILES) * (1 / n + 1 / len(values)))
    low, high = (np.quantile(values, np.clip(QUANTILES + sign * step, 0, 1)) for sign in (-1, 1))
    # Values that are rounded may have no error at all by this, and still be rounded otherwise.
    return np.maximum((high - low) / 2, 0.03 * np.ptp(np.quantile(values, QUANTILES)))
