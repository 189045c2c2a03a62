"""Why a training runs: what started it, and on what evidence if it was no person."""

from __future__ import annotations

from typing import Literal

from tasks.core.figures import figure
from tasks.core.records import Record
from tasks.monitoring.told import drift_in
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

    @property
    def words(self) -> str:
        """Why it runs in a few words, as the run is named: `drift in fare`, `a fresh model is 20 % better`."""
        match self.kind:
            case "data_drift":
                return drift_in(self.verdict.columns if self.verdict else ())
            case "gain":
                gain = self.verdict.gain if self.verdict else None
                if gain is None or gain <= 0:  # those of earlier windows added up
                    return "fresh models are better"
                percent = 100 * gain
                return f"a fresh model is {f'{percent:.0f}' if percent >= 1 else figure(percent)} % better"
            case "age":
                return "the model has aged"
            case _:
                return self.kind


MANUAL = Trigger()
