"""Every statistic of every window against what the reference's days expect: chances, sizes, alarms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from tasks.monitoring.cells import Floats, Ints
from tasks.monitoring.daily import Daily, summary
from tasks.monitoring.days import Expected, learnt, weekdays_of
from tasks.monitoring.levels import Levels
from tasks.monitoring.promise import LEAST_DAYS, SHARES, Budget, budget
from tasks.monitoring.rare import Counted, counts, learnt_counts
from tasks.monitoring.reference import Reference
from tasks.monitoring.series import Layout, Series
from tasks.monitoring.slow import detected

LEAST = {"mean": 0.1, "spread": 0.1, "share": 0.02, "missing": 0.02, "correlation": 0.1, "size correlation": 0.1}
"""Effects that matter: 0.1 sd, a tenth more or less spread, 2 points, 0.1 in correlation. A million rows prove any."""
LEAST_ODD = {"missing": 0.02, "outside": 0.005}
LEAST_ROWS = 5
RECENT = 7
"""Windows over which slow drift must have reached the least effect."""
DOUBTED = 1.4
"""By what the echo between days, which is hard to know from 90, is taken for more in sums over many days."""
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Model:
    """What windows of about so many rows are judged by: statistics, their expectation, rare counts and the budget."""

    layout: Layout
    expected: Expected
    counted: list[Counted]
    budget: Budget
    n_days: int

    @cached_property
    def alpha(self) -> Floats:
        """The chance of a false alarm that each statistic may take in one window."""
        found = [s.column for s in self.layout.statistics if s.what == "share"]
        levels = np.bincount(np.array(found, np.int64), minlength=len(self.layout.cells.names))
        alphas: list[float] = []
        for s in self.layout.statistics:
            if s.other >= 0:
                alphas.append(self.budget.correlation)
            else:
                among = levels[s.column] if s.what == "share" else 1
                alphas.append(self.budget.column * SHARES[s.what] / among)
        return np.array(alphas)

    @cached_property
    def least(self) -> Floats:
        """The effect below which a statistic is a trifle."""
        return np.array([LEAST[s.what] for s in self.layout.statistics])

    @cached_property
    def single(self) -> Ints:
        """The statistics of single columns."""
        return np.array([i for i, s in enumerate(self.layout.statistics) if s.other < 0], np.int64)

    @cached_property
    def weights(self) -> Floats:
        """Statistics of single columns x columns: how slow drift divides its evidence."""
        weights = np.zeros((len(self.single), len(self.layout.cells.names)))
        for row, place in enumerate(self.single):
            s = self.layout.statistics[place]
            weights[row, s.column] = self.alpha[place] if self.alpha[place] > 0 else 1.0
        return weights / np.maximum(weights.sum(axis=0), 1e-300)


@dataclass(frozen=True, eq=False)
class Watched:
    """Windows x statistics: `effects`, their standard errors in units of the statistic as `spread`, chances `p`, and
    `alarms`; the same of rare counts; and windows x columns of evidence for slow drift with its alarms."""

    n_rows: Floats
    values: Floats
    expected: Floats
    spread: Floats
    effects: Floats
    p: Floats
    alarms: Flags
    odd: Floats
    odd_p: Floats
    odd_alarms: Flags
    evidence: Floats
    signs: Floats
    slow_alarms: Flags


def modelled(reference: Reference, n_rows: float, false_alarms: float, per_year: float = 365) -> Model:
    """The model for windows of about so many rows; `per_year` is how many windows a year has."""
    cells, n_days = reference.cells, len(reference.days)
    laid = Layout(cells, summary(cells, reference.total), n_rows)
    summaries = np.array([*reference.days.values()]).reshape(n_days, len(laid.total))
    if n_days >= LEAST_DAYS:
        weekdays = weekdays_of([day.toordinal() for day in reference.days])
        expected = learnt(laid, laid.series(summaries), weekdays)
    else:
        expected = undated(laid, laid.series(laid.total[None]))
    spent = budget(false_alarms, n_days, len(cells.names), len(laid.pairs) + len(laid.sized), per_year)
    return Model(laid, expected, learnt_counts(laid, summaries), spent, n_days)


def undated(laid: Layout, total: Series) -> Expected:
    """Where there are no days: rows as if independent, which promises nothing."""
    unit = np.maximum(laid.unit, 1e-12)
    none = np.zeros(len(unit))
    rows = np.maximum(total.rows[0], 1)
    weekday = np.zeros((7, len(unit)))
    one = np.ones((1, len(unit)))
    level = Levels(0 * one, one, 0 * one, np.zeros(total.values.shape))
    return Expected(total.values[0], weekday, none, unit, none + 1e3, none + 1, level, unit / rows * one, one)


def watched(model: Model, history: Sequence[Daily]) -> Watched:
    """All windows against the model, in their order."""
    cells = model.layout.cells
    summaries = np.array([summary(cells, each) for each in history]).reshape(len(history), -1)
    return compared(model, summaries, [each.day.toordinal() if each.day else 0 for each in history])


def compared(model: Model, summaries: Floats, ordinals: Sequence[int]) -> Watched:
    """The same of windows' summaries, with their days as `date.toordinal` counts them (0: none)."""
    from scipy.special import stdtr

    laid, expected, weekdays = model.layout, model.expected, weekdays_of(ordinals)
    series = laid.series(summaries)
    center, spread, n_days = expected.nearest(series, weekdays)
    difference = series.values - center
    p = 2 * stdtr(expected.freedom, -np.abs(difference) / spread)
    p[series.rows <= 1] = 1.0
    effects = laid.sizes(series.values, center)
    alarms = (p < model.alpha) & (np.abs(effects) >= model.least)
    odd = counts(laid, summaries, model.counted)
    rows = summaries[:, :1]
    chances = [each.p(odd[:, i], rows[:, 0]) for i, each in enumerate(model.counted)]
    odd_p = np.column_stack(chances) if chances else np.ones(odd.shape)
    odd_alpha = np.array([model.budget.column * SHARES[each.what] for each in model.counted])
    odd_least = np.array([LEAST_ODD[each.what] for each in model.counted])
    known = np.array([each.share for each in model.counted])
    if model.n_days < LEAST_DAYS:
        clear = np.array([_certain(model, each) for each in model.counted], bool)
        odd_alpha = np.where(clear, 1e-9, 0.0)
    odd_alarms = (odd_p < odd_alpha) & (odd / np.maximum(rows, 1) - known >= odd_least) & (odd >= LEAST_ROWS)
    single = model.single
    echo = 1 / np.sqrt(1 + DOUBTED * (expected.long[single] - 1))
    daily = np.sqrt(expected.day + expected.unit / np.maximum(series.rows, 1))[:, single]
    standard = np.where(series.rows[:, single] > 1, difference[:, single] / daily * echo, 0.0)
    doubt = 2 / np.sqrt(n_days[:, single]) * echo
    evidence, signs = detected(standard, doubt, model.weights, model.budget.slow)
    slow = (evidence >= model.budget.slow) & _reached(model, effects[:, single])
    return Watched(
        rows[:, 0], series.values, center, spread, effects, p, alarms, odd, odd_p, odd_alarms, evidence, signs, slow
    )


def _certain(model: Model, each: Counted) -> bool:
    """Whether this can be no matter of days: new levels, and missing values where there were none."""
    return each.column >= model.layout.cells.n_numbers if each.what == "outside" else each.size < 1


def _reached(model: Model, effects: Floats) -> Flags:
    """Windows x columns: whether a statistic's mean over the recent windows is no trifle."""
    summed = np.cumsum(np.vstack([np.zeros(effects.shape[1]), effects]), axis=0)
    ends = np.arange(1, len(effects) + 1)
    starts = np.maximum(ends - RECENT, 0)
    recent = (summed[ends] - summed[starts]) / (ends - starts)[:, None]
    large = np.abs(recent) >= model.least[model.single]
    return large @ (model.weights > 0)
