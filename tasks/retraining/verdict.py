"""What the verdict rests on and what it is: all that `decide` is given, and what it gives back."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from tasks.core.records import Record
from tasks.retraining.policy import Reason

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


class Training(Record):
    """A training that was asked for, by whatever cause, and what came of it."""

    at: datetime
    cause: str
    seconds: float
    result: Literal["promoted", "challenger", "refused", "failed", "running"]


class Live(Record):
    """The champion's figures since it serves, against those that it was to hold: for a rollback."""

    since: datetime
    n_requests: int
    error_rate: float
    refusal_rate: float
    latency_p95: float | None
    before_error_rate: float | None
    before_refusal_rate: float | None
    before_latency_p95: float | None
    previous: str | None
    """The version that would serve instead."""


class Situation(Record):
    """What is known of the champion's life so far, besides the windows.

    `fitted_until` is the newest row that the champion knows; `n_labelled` counts rows with an outcome that no training
    has seen; `cadence` is how many windows a model is worth keeping by the first training's age curve, None unknown.
    """

    champion_since: datetime
    fitted_until: datetime
    n_labelled: int
    trainings: tuple[Training, ...]
    cadence: float | None = None
    live: Live | None = None
    breaker_closed: datetime | None = None
    """When a person trained or promoted last: refusals before are forgotten."""


class Verdict(Record):
    """What is to be done now, and why.

    `sentence` says what moved, how far, what it does to the metric and what holds the training back, if something
    does; `until` is when that ends. `cause` is what asked for training; `evidence` the figures that the sentence tells.
    """

    action: Action
    sentence: str
    cause: Reason | None = None
    until: datetime | None = None
    columns: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    held_back: Literal["", "cooldown", "budget", "seconds", "labels", "running", "breaker", "quiet", "harmless"] = ""
