"""What asks for a training: the measured gain, drift that lasts, the champion's age."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tasks.core.figures import estimate, figure
from tasks.core.records import Record
from tasks.monitoring.window_report import WindowReport
from tasks.retraining.drifting import Drifting
from tasks.retraining.holding import EARLY
from tasks.retraining.policy import Reason, Retrain
from tasks.retraining.verdict import Gain, HeldBack, Situation

FEWEST_WINDOWS = 2.0
"""A model is worth keeping for so long whatever the age curve says."""


class Ask(Record):
    """A reason to train, in a sentence; `held_back` where this very reason does not suffice yet."""

    cause: Reason
    sentence: str
    held_back: HeldBack | None = None
    columns: tuple[str, ...] = ()


def asked(drift: Drifting, gains: Sequence[Gain], situation: Situation, policy: Retrain, now: datetime) -> list[Ask]:
    """Every reason of the policy that there is now; those that suffice first, and else in the policy's order."""
    found = {
        "gain": by_gain(gains, situation, policy),
        "data_drift": by_drift(drift, gains, situation, policy),
        "age": by_age(gains, situation, policy, now),
    }
    asks = [ask for cause in policy.on if (ask := found[cause]) is not None]
    return sorted(asks, key=lambda ask: ask.held_back is not None)


def summed(gains: Sequence[Gain]) -> tuple[float, int]:
    """The relative gains added up, where a fall to 0 begins anew, and over how many windows."""
    total, n = 0.0, 0
    for each in gains:
        total, n = max(0.0, total + each.gain), n + 1
        n = n if total > 0 else 0
    return total, n


def by_gain(gains: Sequence[Gain], situation: Situation, policy: Retrain) -> Ask | None:
    """Models trained today would have been better, by more than the limit altogether."""
    total, n = summed(gains)
    if total <= policy.gain:
        return None
    over = f"over {n} windows the gains add up to {total:.2f}, more than {policy.gain:g}"
    few = _few(situation, policy)
    sentence = f"{_measured(gains[-1])}; {over}{'. ' + few if few else ''}"
    return Ask(cause="gain", sentence=sentence, held_back="labels" if few else None)


def by_drift(drift: Drifting, gains: Sequence[Gain], situation: Situation, policy: Retrain) -> Ask | None:
    """Drift that lasts, once there is enough to learn from it and unless it was seen to do no harm."""
    if not drift.lasts:
        return None
    told, began = drifted(drift), drift.began
    # A window that began before says too little: most of its rows, and all that taught its model, are from before.
    newest = gains[-1] if gains and (began is None or gains[-1].start >= began) else None
    if newest is not None and newest.high <= 0:
        harmless = f"{told}. It does no harm that training would mend: {_measured(newest)}"
        return Ask(cause="data_drift", sentence=harmless, held_back="harmless", columns=drift.columns)
    told += f". {_measured(newest)}" if newest else ". What training anew would gain is not measured yet"
    n = drift.n_labelled if situation.n_labelled is None else min(drift.n_labelled, situation.n_labelled)
    if n < policy.minimum_labelled:
        told += f". {n:,} outcomes are known since then, {policy.minimum_labelled:,} are needed to learn from"
        return Ask(cause="data_drift", sentence=told, held_back="labels", columns=drift.columns)
    return Ask(cause="data_drift", sentence=f"{told}. {n:,} outcomes are known since then", columns=drift.columns)


def by_age(gains: Sequence[Gain], situation: Situation, policy: Retrain, now: datetime) -> Ask | None:
    """The champion is older than it is worth keeping: by the age curve where nothing was measured, or the limit."""
    limit, by_curve = _limit(gains, situation, policy)
    age = (now - situation.champion_since) / policy.window
    if age + EARLY < limit:
        return None
    most = figure(round(limit, 1))
    worth = f"worth keeping for {most} by its age curve" if by_curve else f"{most} at most"
    told = f"The champion serves for {age:.1f} windows of {policy.every}, {worth}"
    if situation.n_labelled is None:
        told += "; no outcome has ever come to the log: age is all that can ask, and how right it is cannot be known"
    elif few := _few(situation, policy):
        return Ask(cause="age", sentence=f"{told}. {few}", held_back="labels")
    return Ask(cause="age", sentence=told)


def age_alone(situation: Situation, policy: Retrain) -> str:
    """What can ask at all where outcomes never come; "" where they do."""
    if situation.n_labelled is not None:
        return ""
    if "age" not in policy.on:
        return (
            "No outcome has ever come to the log, and `retrain: {on: …}` lets no age ask: nothing can ask for training"
        )
    limit, by_curve = _limit((), situation, policy)
    after = f"after {figure(round(limit, 1))} windows of {policy.every}{' by its age curve' if by_curve else ''}"
    return f"No outcome has ever come to the log: age is all that can ask for training, {after}"


def _limit(gains: Sequence[Gain], situation: Situation, policy: Retrain) -> tuple[float, bool]:
    """The age in windows that asks, and whether the age curve says it."""
    if not gains and situation.cadence is not None:
        limit = max(situation.cadence, FEWEST_WINDOWS)
        if limit < policy.max_age:
            return limit, True
    return float(policy.max_age), False


def drifted(drift: Drifting) -> str:
    """What moved, how far, and since when."""
    many = len(drift.columns) - len(drift.words)
    more = f" and {many} more" if many > 0 else ""
    words = f" ({'; '.join(drift.words)}{more})" if drift.words else ""
    return f"{drift.drifted} of the last {drift.looked_at} days drifted, since {drift.since}{words}"


def today(gains: Sequence[Gain]) -> str:
    """What a model trained today would be worth, by the newest window; "" where nothing was measured."""
    return _measured(gains[-1]) if gains else ""


def effect(days: Sequence[WindowReport]) -> str:
    """What the newest day's outcomes, or else its estimate, say of the metric; "" where nobody can know."""
    found = days[-1].performance if days else None
    if found is None:
        return ""
    for metric in found.labelled.best[:1]:
        told = estimate(metric.value, metric.low, metric.high)
        return f"By the newest day's {found.labelled.n_labelled:,} outcomes, {metric.name} is {told}"
    if (guess := found.estimated) is not None and guess.valid:
        return f"Without outcomes, {guess.metric} is estimated as {estimate(guess.value, guess.low, guess.high)}"
    return ""


def _measured(newest: Gain) -> str:
    return f"A model trained up to {newest.end:%Y-%m-%d} would be {newest.words}"


def _few(situation: Situation, policy: Retrain) -> str:
    n = situation.n_labelled
    if n is None or n >= policy.minimum_labelled:
        return ""
    return f"{n:,} new outcomes are known, {policy.minimum_labelled:,} are needed to learn from"
