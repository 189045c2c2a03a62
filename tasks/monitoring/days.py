"""What a day's statistics are expected to be, learnt from the reference's own days: days, not rows, are the sample.

s(day) = level + weekday + u(day), var u = day variance + unit / rows. Where the reference's days show a change, there
are several levels (`levels.py`). Weekday effects are shrunk by 1 - 1/F, variances moderated over the columns (Smyth,
2004) and never below that of independent rows; what days have in common with the day before them makes the reference
count for fewer days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tasks.monitoring.cells import Floats, Ints
from tasks.monitoring.levels import Levels, levels, unbroken
from tasks.monitoring.series import GROUPS, Layout, Series

WEEKS = 21
"""Days before weekdays are told apart."""
MOST = 1_000.0
"""Degrees of freedom that other columns may lend."""


@dataclass(frozen=True, eq=False)
class Expected:
    """The model of each statistic. `mean` is its newest level; `weekday` 7 x statistics; `day` the variance between
    days, `unit` that of one row; `freedom` that of Student's t; `long` by how much sums over many days vary more than
    those of unlike days. Levels x statistics are, in `levels`, the newest and those before it, `uncertain`, the
    variance of the expectation itself, and `n_days`, the days that the reference counts for."""

    mean: Floats
    weekday: Floats
    day: Floats
    unit: Floats
    freedom: Floats
    long: Floats
    levels: Levels
    uncertain: Floats
    n_days: Floats

    def at(self, weekdays: Ints) -> Floats:
        """Windows x statistics: what is expected on these weekdays, at the newest level; -1 is none."""
        return self.mean + np.where(weekdays[:, None] >= 0, self.weekday[weekdays], 0.0)

    def spread(self, rows: Floats) -> Floats:
        """The sd of the difference to the newest level, of windows with so many rows."""
        return np.sqrt(self.day + self.unit / np.maximum(rows, 1) + self.uncertain[0])

    def nearest(self, series: Series, weekdays: Ints) -> tuple[Floats, Floats, Floats]:
        """Windows x statistics, of the level that the window is likest to: what is expected, the sd of the difference,
        and the days behind it. The model was made of the days of each level: none of them is drift."""
        centers = self.at(weekdays) + self.levels.offset[:, None]
        own = self.day + self.unit / np.maximum(series.rows, 1)
        spreads = np.sqrt(own + self.uncertain[:, None])
        far = np.abs(series.values - centers) / spreads
        which = np.where(np.isnan(centers), np.inf, far).argmin(axis=0)[None]
        days = np.broadcast_to(self.n_days[:, None], centers.shape)
        center, spread, behind = (np.take_along_axis(each, which, 0)[0] for each in (centers, spreads, days))
        return center, spread, behind


def learnt(layout: Layout, series: Series, weekdays: Ints) -> Expected:
    """The model out of the reference's days, days x statistics in their order."""
    values, rows = series.values, series.rows
    n_days = len(values)
    groups = np.array([GROUPS.index(s.what) for s in layout.statistics])
    own = 1 / np.maximum((1 / np.maximum(rows, 1)).mean(axis=0), 1e-12)
    unit = np.maximum(layout.unit, 1e-12)
    floor = unit / own
    mean, effects, shrunk, known = _leveled(values, weekdays, floor, groups)
    rest = values - known.steps - mean - effects[weekdays]
    freedom = np.maximum(n_days - np.isfinite(known.offset).sum(axis=0) - 6 * shrunk, 1)
    echoes, decay = _echo(rest, floor * freedom, groups)
    long = 1 + 2 * echoes / (1 - decay)
    effective = np.maximum(n_days / long, 2)
    freedom_left = np.maximum(freedom / (1 + 2 * echoes**2 / (1 - decay**2)), 1)
    variance = (rest**2).sum(axis=0) / freedom / np.maximum(1 - 1 / effective + 1 / n_days, 0.5)
    variance, freedom_all = _moderated(variance / floor, freedom_left, groups)
    variance = np.maximum(variance, 1.0) * floor
    of_level = np.where(known.n_days == n_days, effective, np.maximum(known.n_days / long, 1))
    uncertain = variance * (1 / of_level + 6 * shrunk / effective)
    day = np.maximum(variance - floor, 0)
    return Expected(mean, effects, day, unit, freedom_all, long, known, uncertain, of_level)


def _leveled(values: Floats, weekdays: Ints, floor: Floats, groups: Ints) -> tuple[Floats, Floats, Floats, Levels]:
    """The mean at the newest level, the weekdays and the levels, each learnt without the other."""

    def known(rest: Floats) -> Levels:
        echoes, decay = _echo(unbroken(rest, floor), floor * max(len(values) - 2, 1), groups)
        return levels(rest, 1 + 2 * echoes / (1 - decay), floor)

    mean, effects, shrunk = _weekdays(values, weekdays)
    found = known(values - mean - effects[weekdays])
    if found.steps.any():  # once more, beside weekdays that no change is in
        mean, effects, shrunk = _weekdays(values - found.steps, weekdays)
        found = known(values - mean - effects[weekdays])
        mean, effects, shrunk = _weekdays(values - found.steps, weekdays)
    return mean, effects, shrunk, found


def _weekdays(values: Floats, weekdays: Ints) -> tuple[Floats, Floats, Floats]:
    """The mean, the shrunk effects (7 x statistics) and how much of them is believed."""
    n_days, n_statistics = values.shape
    effects, mean = np.zeros((7, n_statistics)), values.mean(axis=0)
    counts = np.bincount(weekdays, minlength=7)
    if n_days < WEEKS or counts.min() < 2:
        return mean, effects, np.zeros(n_statistics)
    raw = np.stack([values[weekdays == day].mean(axis=0) for day in range(7)])
    mean = raw.mean(axis=0)
    within = ((values - raw[weekdays]) ** 2).sum(axis=0) / (n_days - 7)
    between = (counts[:, None] * (raw - values.mean(axis=0)) ** 2).sum(axis=0) / 6
    shrunk = np.clip(1 - within / np.maximum(between, 1e-30), 0, 1)
    return (1 - shrunk) * values.mean(axis=0) + shrunk * mean, shrunk * (raw - mean), shrunk


def _echo(rest: Floats, independent: Floats, groups: Ints) -> tuple[Floats, Floats]:
    """Each statistic's correlation with the day before, and how fast it decays from day to day.

    What rows add to a day has no echo, only what days have of their own; so one echo is estimated for each kind of
    statistic, and a statistic has as much of it as its variance exceeds that of `independent` rows. It has no less than
    they have together: by chance some would have none, and the slow drift of 90 days that were low would never end.
    """
    n_days, echo, decay = len(rest), np.zeros(rest.shape[1]), np.zeros(rest.shape[1])
    if n_days < 14:
        return echo, decay
    ratio = (rest**2).sum(axis=0) / independent
    first, second = ((rest[lag:] * rest[:-lag]).sum(axis=0) / independent for lag in (1, 2))
    for group in np.unique(groups):
        of = groups == group
        whole, once, twice = float(ratio[of].sum()), float(first[of].sum()), float(second[of].sum())
        if whole <= 0:
            continue
        once, twice = (max((lagged / whole + 1 / n_days) / (1 - 3 / n_days), 0) for lagged in (once, twice))
        excess = np.maximum(1 - 1 / np.maximum(ratio[of], 1e-12), 0)
        own = float((excess * ratio[of]).sum() / whole)
        if once < 2 / np.sqrt(n_days * of.sum()) or own <= 0:
            continue
        echo[of] = np.minimum(once / own, 0.95) * np.maximum(excess, own)
        decay[of] = float(np.clip(twice / once, once, 0.9))
    return echo, decay


def _moderated(ratio: Floats, freedom: Floats, groups: Ints) -> tuple[Floats, Floats]:
    """Variances drawn towards those of like statistics, and the degrees of freedom that they have then."""
    from scipy.special import digamma, polygamma

    drawn, freedom_all = ratio.copy(), freedom.copy()
    for group in np.unique(groups):
        of = groups == group
        if of.sum() < 4:
            continue
        half = freedom[of] / 2
        logs = np.log(np.maximum(ratio[of], 1e-12)) - digamma(half) + np.log(half)
        extra = float(logs.var(ddof=1) - polygamma(1, half).mean())
        lent = 2 * _trigamma_inverse(extra) if extra > 0 else MOST
        lent = min(lent, MOST)
        common = np.exp(logs.mean() + digamma(lent / 2) - np.log(lent / 2))
        drawn[of] = (lent * common + freedom[of] * ratio[of]) / (lent + freedom[of])
        freedom_all[of] = freedom[of] + lent
    return drawn, freedom_all


def _trigamma_inverse(value: float) -> float:
    """The x with trigamma(x) = value, by Newton's steps on its reciprocal (Smyth, 2004, appendix)."""
    from scipy.special import polygamma

    x = 0.5 + 1 / value
    for _ in range(20):
        trigamma = float(polygamma(1, x))
        step = trigamma * (1 - trigamma / value) / float(polygamma(2, x))
        x += step
        if abs(step) < 1e-8 * x:
            break
    return x


def weekdays_of(ordinals: Sequence[int]) -> Ints:
    """Weekdays (Monday 0) of days as `date.toordinal` counts them; -1 of no day (0)."""
    numbers = np.asarray(ordinals, np.int64)
    return np.where(numbers > 0, (numbers - 1) % 7, -1)
