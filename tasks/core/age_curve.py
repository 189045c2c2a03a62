"""How a model ages, as records: what each window of age adds to its loss, and what follows, in words."""

from __future__ import annotations

from datetime import timedelta

from tasks.core.figures import decimals, figure, fixed, percent
from tasks.core.records import Record
from tasks.core.splits import seconds

_NAMED = {3_600.0: "hour", 86_400.0: "day", 604_800.0: "week"}


class Aged(Record):
    """The loss of a model at an age of so many windows, relative to that of the youngest model on the same rows."""

    age: float
    relative_loss: float


class AgeCurve(Record):
    """What was measured, the relative loss that each window of age adds, and the cadence that follows.

    `cadence` is how many windows a model is worth keeping: sqrt(2 c / b), where loss grows by b a window and a training
    costs c, between 2 and 8. A model that does not age is worth the most.
    """

    points: tuple[Aged, ...]
    per_window: float
    cadence: float
    error: float | None = None
    """The standard error of `per_window` over blocks of the rows that judge; None where it was not measured."""


class Ageing(Record):
    """How a trained model ages in windows of `every`; without a `curve` `why` says what there was none for.

    `n_judged` rows judged models of at most `n_learned` rows. `of` is the digest of the model before whose curve it
    is, where gains are measured anyway and nothing was fitted for it.
    """

    every: str
    curve: AgeCurve | None = None
    why: str = ""
    n_learned: int = 0
    n_judged: int = 0
    of: str | None = None

    @property
    def sentence(self) -> str:
        """What a window of age costs and the cadence that is worth its price, in a sentence."""
        if self.curve is None:
            return f"How it ages is not measured: {self.why}."
        taken = " (measured of a model before it)" if self.of else ""
        return f"{told(self.curve, self.every)}{taken}."


def told(curve: AgeCurve, every: str) -> str:
    """The same of any curve, without a full stop."""
    one, many = _units(every)
    if not curve.points:
        return "How it ages cannot be told by so short a history"
    if curve.per_window <= 0:
        oldest = figure(max(each.age for each in curve.points))
        return f"It does not age within {oldest} {many}: it is worth training when evidence says so"
    return (
        f"Each {one} of age adds {_share(curve.per_window, curve.error)} to its loss: "
        f"worth training every {figure(round(curve.cadence, 1))} {many}"
    )


def _share(per_window: float, error: float | None) -> str:
    """As 0.85 ± 0.25 %."""
    if not error:
        return percent(per_window)
    share, spread = 100 * per_window, 100 * error
    n_decimals = decimals(share - spread, share + spread)
    return f"{fixed(share, n_decimals)} ± {fixed(spread, n_decimals)} %"


def _units(every: str) -> tuple[str, str]:
    """What one window is called, and several."""
    name = _NAMED.get(seconds(every))
    return (name, f"{name}s") if name else (f"window of {every}", f"windows of {every}")


def window(every: str) -> timedelta:
    """How long a window is."""
    return timedelta(seconds=seconds(every))
