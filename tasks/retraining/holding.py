"""What holds a training back that was asked for: each with its sentence, and until when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from tasks.core.records import Record
from tasks.retraining.budget import allowed_from, seconds_from
from tasks.retraining.policy import Retrain
from tasks.retraining.verdict import HeldBack, Situation

LOST = ("refused", "failed")
PATIENCE = 2
"""Refusals in a row after which the wait is doubled."""
EARLY = 0.05
"""Of a window: a look that comes a little earlier than the last one did is not a window late."""


class Hold(Record):
    """Why no training starts now; `until` is when this ends, None where nobody knows."""

    kind: HeldBack
    sentence: str
    until: datetime | None = None


def held_back(situation: Situation, policy: Retrain, now: datetime) -> Hold | None:
    """What keeps every training from starting now: of several what lasts longest."""
    held = list(_holds(situation, policy, now))
    endless = [each for each in held if each.until is None]
    return endless[0] if endless else max(held, key=lambda each: each.until or now, default=None)


def lost_in_a_row(situation: Situation) -> int:
    """How many trainings were refused or failed since one was not, or since a person trained or promoted."""
    n, closed = 0, situation.breaker_closed
    for each in reversed(situation.trainings):
        if closed is not None and each.at <= closed:
            break
        if each.cause == "manual" or each.result == "running":
            continue
        if each.result not in LOST:
            break
        n += 1
    return n


def _holds(situation: Situation, policy: Retrain, now: datetime) -> Iterator[Hold]:
    trainings, lost = situation.trainings, lost_in_a_row(situation)
    if running := [each for each in trainings if each.result == "running"]:
        yield Hold(kind="running", sentence=f"A training runs since {moment(running[-1].at)}")
    if lost >= policy.breaker and (until := _tried(situation, policy)) - EARLY * policy.window > now:
        told = f"{lost} trainings in a row were refused or failed: see `keepfit ledger`, and train by hand to go on"
        yield Hold(kind="breaker", sentence=f"{told}; else one is tried from {moment(until)} on", until=until)
    if (until := _rested(situation, policy, lost)) - EARLY * policy.window > now:
        doubled = f", twice as long after {lost} that were refused or failed" if lost >= PATIENCE else ""
        yield Hold(
            kind="cooldown", sentence=f"The last training is given time until {moment(until)}{doubled}", until=until
        )
    if (until := allowed_from(trainings, situation.champion_since, policy, now)) > now:
        n, m = policy.budget
        budget = f"The budget of {n} training{'s' * (n > 1)} in {m} windows is used up until {moment(until)}"
        yield Hold(kind="budget", sentence=budget, until=until)
    if policy.seconds_per_day and (until := seconds_from(trainings, policy.seconds_per_day, now)) > now:
        spent = f"{policy.seconds_per_day:g} seconds of training were spent within a day, until {moment(until)}"
        yield Hold(kind="seconds", sentence=spent, until=until)
    if policy.quiet_hours and policy.quiet_hours.holds(now):
        until = policy.quiet_hours.end_after(now)
        yield Hold(kind="quiet", sentence=f"No training starts before {moment(until)}", until=until)


def _tried(situation: Situation, policy: Retrain) -> datetime:
    """When one training is tried although the breaker is open: nobody may have looked, and the cause may be gone.

    As often as age alone would ask for one. The gates judge it, and after a refusal the breaker is open as long again.
    """
    return max(each.at for each in situation.trainings) + policy.max_age * policy.window


def _rested(situation: Situation, policy: Retrain, lost: int) -> datetime:
    """When the newest champion, or the newest training, has had its time."""
    last = max([situation.champion_since, *(each.at for each in situation.trainings[-1:])])
    windows = policy.cooldown if lost < PATIENCE else 2 * max(policy.cooldown, 1)
    return last + windows * policy.window


def moment(at: datetime) -> str:
    """As people read it."""
    return f"{at:%Y-%m-%d %H:%M} UTC"
