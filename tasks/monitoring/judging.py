"""What the last window says beside all before it: which columns and pairs drifted, how much, and what was promised."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import numpy as np

from tasks.core.errors import DataError
from tasks.core.records import Record
from tasks.monitoring.cells import Ints
from tasks.monitoring.checking import promise
from tasks.monitoring.daily import Daily
from tasks.monitoring.episodes import Episode, episodes_of
from tasks.monitoring.finding import Finding, finding, odd_finding
from tasks.monitoring.promise import LEAST_DAYS
from tasks.monitoring.reference import Reference
from tasks.monitoring.watching import Model, Watched, modelled, watched

SHOWN = 10
"""Pairs that a report names; all that drifted, if there are more."""


class Drift(Record):
    """Of a column or a pair: whether it drifted; `score` is 1 at the limit; the strongest finding in words."""

    columns: tuple[str, ...]
    drift: bool
    score: float
    words: str
    findings: tuple[Finding, ...]


class Report(Record):
    """The last window's drift, and the alarms of all windows so far beside what was promised for them."""

    day: datetime.date | None
    n_rows: int
    drift: bool
    columns: tuple[Drift, ...]
    pairs: tuple[Drift, ...]
    episodes: tuple[Episode, ...]
    alarms_promised: float | None
    alarms_spent: int
    promise: str


def judge(
    reference: Reference,
    history: Sequence[Daily],
    false_alarms: float = 1.0,
    *,
    per_year: float = 365,
    words: str | None = None,
) -> Report:
    """The report on the last window of the history (oldest first); pure: the same words for the same numbers.

    `per_year` is how many windows a year has, `words` what `checking.promise` says where it is known already.
    """
    if not history:
        raise DataError("No drift can be judged", expected="at least one window", found="none")
    model = modelled(reference, float(np.median([each.n_rows for each in history])), false_alarms, per_year)
    seen = watched(model, history)
    names, last = reference.cells.names, history[-1]
    columns = tuple(_column(model, seen, column, names) for column in range(len(names)))
    pairs = [_pair(model, seen, int(pair), names) for pair in _strongest(model, seen)]
    episodes = episodes_of(model, seen, history)
    dated = model.n_days >= LEAST_DAYS
    return Report(
        day=last.day,
        n_rows=last.n_rows,
        drift=any(each.drift for each in (*columns, *pairs)),
        columns=columns,
        pairs=tuple(sorted(pairs, key=lambda each: (-each.drift, -each.score))),
        episodes=episodes,
        alarms_promised=false_alarms * len(history) / per_year if dated else None,
        alarms_spent=len(episodes),
        promise=promise(reference, false_alarms) if words is None else words,
    )


def _column(model: Model, seen: Watched, column: int, names: Sequence[str]) -> Drift:
    places = [i for i, s in enumerate(model.layout.statistics) if s.column == column and s.other < 0]
    findings = [finding(model, seen, place) for place in places]
    for place, each in enumerate(model.counted):
        if each.column == column:
            findings.append(odd_finding(model, seen, place))
    drift = bool(seen.slow_alarms[-1, column])
    score = float(seen.evidence[-1, column] / model.budget.slow) if np.isfinite(model.budget.slow) else 0.0
    if drift:
        recent = max((f for f in findings if f.p is not None), key=lambda f: -(f.p or 0), default=None)
        words = f"drifts slowly: {recent.words if recent else 'by little a day'}"
        findings.append(Finding(what="slow", effect=recent.effect if recent else 0.0, words=words, drift=True))
    return _drift((names[column],), findings, score)


def _strongest(model: Model, seen: Watched) -> Ints:
    """The pairs to name, by their places: those that drifted, or the least likely ones."""
    start, n_pairs = len(model.single), len(model.layout.pairs)
    p, alarms = seen.p[-1, start : start + n_pairs].copy(), seen.alarms[-1, start : start + n_pairs].copy()
    sized = model.layout.sized
    p[sized] = np.minimum(p[sized], seen.p[-1, start + n_pairs :])
    alarms[sized] |= seen.alarms[-1, start + n_pairs :]
    return np.lexsort((p, ~alarms))[: max(SHOWN, int(alarms.sum()))]


def _pair(model: Model, seen: Watched, pair: int, names: Sequence[str]) -> Drift:
    a, b = (int(column) for column in model.layout.pairs[pair])
    start = len(model.single)
    places = [start + pair]
    places += [start + len(model.layout.pairs) + int(i) for i in np.flatnonzero(model.layout.sized == pair)]
    return _drift((names[a], names[b]), [finding(model, seen, place) for place in places], 0.0)


def _drift(columns: tuple[str, ...], findings: list[Finding], slow: float) -> Drift:
    """A chance at its alpha scores 1, one ten times smaller a little more: scores are ratios of logarithms."""
    findings.sort(key=lambda each: (-each.drift, -_score(each)))
    drift = any(each.drift for each in findings)
    score = max([_score(each) for each in findings] + [min(slow, 1.0)])
    words = "; ".join(each.words for each in findings if each.drift) or (findings[0].words if findings else "constant")
    return Drift(columns=columns, drift=drift, score=round(score, 4), words=words, findings=tuple(findings))


def _score(each: Finding) -> float:
    if each.p is None or not each.alpha:
        return float(each.drift)
    return float(np.log(max(each.p, 1e-300)) / np.log(each.alpha))
