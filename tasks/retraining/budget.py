"""How much training is allowed: a bucket of trainings that fills with time, and seconds a day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import get_args

from tasks.retraining.policy import Reason, Retrain
from tasks.retraining.verdict import Training

AT_FIRST, AT_MOST = 2.0, 4.0
"""Trainings in the bucket: when the project begins, and when nothing was asked for long."""
ENOUGH = 1 - 1e-6
"""Of a training: the bucket's level is a sum of fractions."""
DAY = timedelta(days=1)


def allowed_from(trainings: Sequence[Training], began: datetime, policy: Retrain, now: datetime) -> datetime:
    """When the bucket has a whole training again; not later than `now` when it has.

    What a person or a schedule started costs nothing: it is not for the verdict to forbid. What was refused does.
    """
    n, m = policy.budget
    window, level, seen = policy.window * (m / n), AT_FIRST, min([began, *(each.at for each in trainings[:1])])
    for each in trainings:
        if each.cause in get_args(Reason):
            level = max(0.0, min(AT_MOST, level + (each.at - seen) / window) - 1)
            seen = each.at
    level = min(AT_MOST, level + (now - seen) / window)
    return now if level >= ENOUGH else now + (1 - level) * window


def seconds_from(trainings: Sequence[Training], limit: float, now: datetime) -> datetime:
    """When less than `limit` seconds were trained within the day before; not later than `now` when that is so."""
    spent = 0.0
    for each in reversed(trainings):
        if each.at <= now - DAY:
            break
        spent += each.seconds
        if spent >= limit:
            return each.at + DAY
    return now
