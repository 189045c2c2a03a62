"""What a day's statistics are expected to be, learnt from the reference's own days: days, not rows, are the sample.

s(day) = mean + weekday + u(day), var u = day variance + unit / rows. Weekday effects are shrunk by 1 - 1/F, variances
moderated over the columns (Smyth, 2004) and never below that of independent rows; what days have in common with the
day before them makes the reference count for fewer days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tasks.monitoring.cells import Floats, Ints
from tasks.monitoring.series import GROUPS, Layout, Series

WEEKS = 21
"""Days before weekdays are told apart."""
MOST = 1_000.0
"""Degrees of freedom that other columns may lend."""


@dataclass(frozen=True, eq=False)
class Expected:
    """The model of each statistic. `weekday` is 7 x statistics; `day` the variance between days, `unit` that of one
    row; `uncertain` the variance of the expectation itself; `freedom` that of Student's t; `long` by how much sums over
    many days vary more than those of unlike days; `n_days` the days that the reference counts for."""

    mean: Floats
    weekday: Floats
    day: Floats
    unit: Floats
    uncertain: Floats
    freedom: Floats
    long: Floats
    n_days: Floats

    def at(self, weekdays: Ints) -> Floats:
        """Windows x statistics: what is expected on these weekdays; -1 is none."""
        return self.mean + np.where(weekdays[:, None] >= 0, self.weekday[weekdays], 0.0)

    def spread(self, rows: Floats) -> Floats:
        """The sd of the difference to what is expected, of windows with so many rows."""
        return np.sqrt(self.day + self.unit / np.maximum(rows, 1) + self.uncertain)


def learnt(layout: Layout, series: Series, weekdays: Ints) -> Expected:
    """The model out of the reference's days, days x statistics in their order."""
    values, rows = series.values, series.rows
    n_days = len(values)
    groups = np.array([GROUPS.index(s.what) for s in layout.statistics])
    mean, effects, shrunk = _weekdays(values, weekdays)
    rest = values - mean - effects[weekdays]
    freedom = np.maximum(n_days - 1 - 6 * shrunk, 1)
    own = 1 / np.maximum((1 / np.maximum(rows, 1)).mean(axis=0), 1e-12)
    floor = np.maximum(layout.unit, 1e-12) / own
    echoes, decay = _echo(rest, floor * freedom, groups)
    long = 1 + 2 * echoes / (1 - decay)
    effective = np.maximum(n_days / long, 2)
    freedom_left = np.maximum(freedom / (1 + 2 * echoes**2 / (1 - decay**2)), 1)
    variance = (rest**2).sum(axis=0) / freedom / np.maximum(1 - 1 / effective + 1 / n_days, 0.5)
    variance, freedom_all = _moderated(variance / floor, freedom_left, groups)
    variance = np.maximum(variance, 1.0) * floor
    unit = np.maximum(layout.unit, 1e-12)
    uncertain = variance * (1 + 6 * shrunk) / effective
    return Expected(mean, effects, np.maximum(variance - unit / own, 0), unit, uncertain, freedom_all, long, effective)


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
