"""What one statistic says of the last window, in numbers and in words."""

from __future__ import annotations

import math
from typing import Literal

from tasks.core.figures import percent
from tasks.core.records import Record
from tasks.monitoring.promise import SHARES
from tasks.monitoring.series import Statistic
from tasks.monitoring.shares import share_of
from tasks.monitoring.watching import Model, Watched


class Finding(Record):
    """One statistic of a window: its effect in words, the chance `p` of so much without drift, and the `alpha` that it
    is held against. `low` and `high` bound the effect with 95 %."""

    what: Literal["mean", "spread", "share", "missing", "outside", "correlation", "size correlation", "slow"]
    label: str = ""
    effect: float
    low: float | None = None
    high: float | None = None
    words: str
    p: float | None = None
    alpha: float | None = None
    drift: bool


def finding(model: Model, seen: Watched, place: int) -> Finding:
    """What one statistic says of the last window."""
    s = model.layout.statistics[place]
    value, expected, spread = (float(x[-1, place]) for x in (seen.values, seen.expected, seen.spread))
    effect = float(seen.effects[-1, place])
    low, high = (_effect(s, value + side * 1.96 * spread, expected) for side in (-1, 1))
    return Finding(
        what=s.what,
        label=s.label,
        effect=effect,
        low=low,
        high=high,
        words=_words(s, value, expected, effect),
        p=float(seen.p[-1, place]),
        alpha=float(model.alpha[place]),
        drift=bool(seen.alarms[-1, place]),
    )


def _effect(s: Statistic, value: float, expected: float) -> float:
    """How large the difference is; `Layout.sizes` says the same of whole windows."""
    if s.what == "mean":
        return value - expected
    if s.what == "spread":
        return math.sqrt(max(value, 0) / max(expected, 1e-6)) - 1
    if s.what in ("share", "missing"):
        return share_of(value) - share_of(expected)
    return math.tanh(value) - math.tanh(expected)


def _words(s: Statistic, value: float, expected: float, effect: float) -> str:
    if s.what == "mean":
        return f"{abs(effect):.2f} sd {'higher' if effect > 0 else 'lower'}"
    if s.what == "spread":
        return f"spreads {percent(abs(effect))} {'wider' if effect > 0 else 'less'}"
    if s.what in ("share", "missing"):
        now, then = (percent(share_of(x)) for x in (value, expected))
        return f"{'missing' if s.what == 'missing' else s.label!r} in {now} of the rows, {then} expected"
    of = "correlation" if s.what == "correlation" else "correlation of sizes"
    return f"{of} {math.tanh(value):.2f}, {math.tanh(expected):.2f} expected"


def odd_finding(model: Model, seen: Watched, place: int) -> Finding:
    """What one count of rare things says of the last window."""
    each, count = model.counted[place], float(seen.odd[-1, place])
    rows = max(float(seen.n_rows[-1]), 1.0)
    number = each.column < model.layout.cells.n_numbers
    what = "missing" if each.what == "missing" else "outside the reference's range" if number else "new levels"
    return Finding(
        what=each.what,
        effect=count / rows - each.share,
        words=f"{what} in {percent(count / rows)} of the rows, {percent(each.share)} expected",
        p=float(seen.odd_p[-1, place]),
        alpha=model.budget.column * SHARES[each.what],
        drift=bool(seen.odd_alarms[-1, place]),
    )
