"""When a demonstration is played, and what is deployed for it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from flows.services import deployments
from flows.services.deployments import Chosen
from tasks.core.errors import UsageError
from tasks.retraining.policy import Retrain

SOUND_DAYS = 2
"""Of rows as they are, before they drift."""
SPARE = 1.2
"""Times the outcomes that the policy asks for."""
BUDGET = {"trials": 4, "seconds": 20}
"""Of each training: enough for a fair model, not for the best one."""
DAY = timedelta(days=1)
NIGHT = time(0, 10)
"""When the day before is judged, as the deployments of `monitoring` do."""


@dataclass(frozen=True)
class Plan:
    """The first training at `begin`, then the days; the last one is over by the real present."""

    begin: datetime
    sound: tuple[date, ...]
    drifted: tuple[date, ...]
    policy: Retrain

    @classmethod
    def of(cls, policy: Retrain, rows_a_day: int, today: date) -> Plan:
        """Days enough for the policy to ask, once a new champion has had its time; UsageError when it never would."""
        if "data_drift" not in policy.on:
            raise UsageError(
                "Drift cannot be shown to lead to a training",
                expected="data_drift among the reasons of `retrain: {on: …}`",
                found=", ".join(policy.on),
                action="See `keepfit replay` for the other reasons",
            )
        n_drifted = max(policy.drifted[0], math.ceil(SPARE * policy.minimum_labelled / rows_a_day))
        first = today - (SOUND_DAYS + n_drifted + 1) * DAY
        days = tuple(first + n * DAY for n in range(SOUND_DAYS + n_drifted))
        begin = datetime.combine(first, time(), UTC) - max(DAY, policy.cooldown * policy.window)
        return cls(begin, days[:SOUND_DAYS], days[SOUND_DAYS:], policy)

    def night_after(self, day: date) -> datetime:
        """When the day is judged: in the night after it, or as soon as a training may start."""
        moment, quiet = datetime.combine(day + DAY, NIGHT, UTC), self.policy.quiet_hours
        return quiet.end_after(moment) if quiet is not None and quiet.holds(moment) else moment


def described(root: Path, chosen: Sequence[Chosen]) -> dict[str, Any]:
    """The deployments as `keepfit up` has them, with a small budget, and no schedule that starts one in between."""
    found = deployments.wanted(root, chosen)
    for block in found["deployments"]:
        block.pop("schedules", None)
        if deployments.flow_of(block) == "training":
            block["parameters"] = {**block["parameters"], **BUDGET}
    return found
