"""Why a training runs: what started it, and on what evidence if it was no person."""

from __future__ import annotations

from typing import Literal

from tasks.core.records import Record
from tasks.retraining.policy import Reason
from tasks.retraining.verdict import Verdict

REQUESTED = "keepfit.retrain.requested"
"""The Prefect event that asks for a training; prefect.yaml listens for it."""


class Trigger(Record):
    """What started a run: a person, a schedule, or the reason of a verdict.

    `evidence` says it in a sentence, `verdict` with all figures, and `request` is what the run is to do: the first run
    that claims it does it, and the others end as already done.
    """

    kind: Literal["manual", "schedule"] | Reason = "manual"
    evidence: str = ""
    request: str | None = None
    verdict: Verdict | None = None

    @classmethod
    def of(cls, verdict: Verdict, request: str) -> Trigger:
        """Why a run exists that a verdict asked for."""
        assert verdict.cause is not None
        return cls(kind=verdict.cause, evidence=verdict.sentence, request=request, verdict=verdict)


MANUAL = Trigger()
