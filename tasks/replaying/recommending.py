"""Which setting of `retrain:` the history recommends: the project's own unless another is clearly worth it."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.core.age_curve import AgeCurve
from tasks.replaying.records import Recommended
from tasks.replaying.walk import Outcome
from tasks.retraining.ageing import COST
from tasks.retraining.policy import Retrain

GAINS = (0.05, 0.2)
WORTH = 0.005
"""Of the loss: a setting that is better by less on one history is no better."""


def variants(policy: Retrain, curve: AgeCurve) -> list[Retrain]:
    """Settings beside the project's: the age limit that the ageing says, and gains that ask sooner and later."""
    ages = {round(curve.cadence), policy.max_age}
    gains = {policy.gain, *GAINS}
    every = [policy.model_copy(update={"max_age": age, "gain": gain}) for age in sorted(ages) for gain in sorted(gains)]
    return [each for each in every if each != policy]


def cost(outcome: Outcome, weekly: Outcome) -> float:
    """What a policy costs a window: its loss relative to training at every window, and 0.1 of it for each training."""
    return outcome.loss / (weekly.loss or 1.0) + COST * outcome.retrainings / max(len(outcome.steps), 1)


def recommended(
    policy: Retrain, ours: Outcome, tried: Sequence[tuple[Retrain, Outcome]], weekly: Outcome
) -> Recommended:
    """The cheapest of the settings; the project's where it is as good."""
    best, outcome = min(tried, key=lambda each: cost(each[1], weekly), default=(policy, ours))
    now, then = cost(ours, weekly), cost(outcome, weekly)
    if now - then < WORTH:
        return Recommended(
            retrain=policy, sentence="The project's own setting is as good as any that was tried beside it"
        )
    changed = [name for name in ("gain", "max_age") if getattr(best, name) != getattr(policy, name)]
    said = " and ".join(f"`{name}: {getattr(best, name):g}`" for name in changed)
    return Recommended(
        retrain=best,
        sentence=f"With {said} the loss is {outcome.loss / (ours.loss or 1.0) - 1:+.1%} at {outcome.retrainings} "
        f"trainings instead of {ours.retrainings} (a training is taken to cost {COST:g} of a window's loss)",
    )
