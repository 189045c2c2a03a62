"""What the verdict rests on and what it is: all that `decide` is given, and what it gives back."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from tasks.core.figures import decimals, fixed, ranged
from tasks.core.records import Record
from tasks.retraining.policy import Reason

HeldBack = Literal["harmless", "labels", "running", "breaker", "cooldown", "budget", "seconds", "quiet"]
Result = Literal["promoted", "challenger", "refused", "failed", "running"]
Action = Literal["healthy", "watch", "incident", "retrain", "rollback"]


class Gain(Record):
    """A model corrected with the newest rows against the champion, on one window's rows that neither has seen.

    `gain` is the share of the champion's loss that the correction saves (below 0: it does worse), `low` and `high` its
    95 % bounds over blocks of rows. `digest` is the champion's.
    """

    start: datetime
    end: datetime
    digest: str
    n_labelled: int
    loss: float
    corrected_loss: float
    gain: float
    low: float
    high: float
    seconds: float

    @property
    def words(self) -> str:
        """How much better or worse, with the interval: 20.0 % better (15.0 to 25.0 % of the loss by 2,000 outcomes)."""
        low, high = 100 * self.low, 100 * self.high
        share = f"{fixed(abs(100 * self.gain), decimals(low, high))} % {'worse' if self.gain < 0 else 'better'}"
        return f"{share} ({ranged(low, high)} % of the loss by {self.n_labelled:,} outcomes)"


class Training(Record):
    """A training that was asked for, by whatever cause, and what came of it."""

    at: datetime
    cause: str
    """What asked: a reason of the policy, `manual`, `schedule` and the like."""
    seconds: float
    result: Result


class Live(Record):
    """The champion's figures since it serves, against those of the version before: for a rollback.

    Rates are shares of the requests, latencies milliseconds; None is what nobody knows.
    """

    since: datetime
    n_requests: int = 0
    error_rate: float = 0.0
    refusal_rate: float = 0.0
    latency_p95: float | None = None
    before_error_rate: float | None = None
    before_refusal_rate: float | None = None
    before_latency_p95: float | None = None
    previous: str | None
    """The version that would serve instead."""
    before: Gain | None = None
    """That version against the champion, on the rows whose outcome is known since the champion serves."""


class Situation(Record):
    """What is known of the champion's life so far, besides the windows.

    `fitted_until` is the newest row that the champion knows; `n_labelled` counts rows with an outcome that no training
    has seen, None where outcomes never come this way, so that the source alone knows; `cadence` is how many windows a
    model is worth keeping by its age curve, None unknown. `trainings` are in the order of their start.
    """

    champion_since: datetime
    fitted_until: datetime
    n_labelled: int | None
    trainings: tuple[Training, ...]
    cadence: float | None = None
    live: Live | None = None
    breaker_closed: datetime | None = None
    """When a person trained or promoted last: refusals before are forgotten."""


class Verdict(Record):
    """What is to be done now, and why.

    `sentence` says what moved, how far, what it does to the metric and what holds the training back, if something
    does; `until` is when that ends, None where nobody knows. `cause` is what asked for training; `evidence` the figures
    that the sentence tells; `gain` the share of the champion's loss that a fresh model saved when it was measured last.
    """

    action: Action
    sentence: str
    cause: Reason | None = None
    until: datetime | None = None
    columns: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    held_back: HeldBack | None = None
    gain: float | None = None
