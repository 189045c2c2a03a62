"""The section `retrain:` of project.yaml: what asks for training, and what keeps it in check."""

from __future__ import annotations

import re
from datetime import datetime, time
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, field_validator

from tasks.core.records import Record
from tasks.core.splits import Gap

Reason = Literal["gain", "data_drift", "age"]
_OF = re.compile(r"(\d+) of (\d+)")
_HOURS = re.compile(r"([01]?\d|2[0-4]):([0-5]\d) ?- ?([01]?\d|2[0-4]):([0-5]\d)")


def _n_of_m(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    found = _OF.fullmatch(value.strip())
    if found is None or not 0 < int(found[1]) <= int(found[2]):
        raise ValueError("how many of how many windows, such as 2 of 3")
    return int(found[1]), int(found[2])


class QuietHours(Record):
    """Hours of the day in which no training starts, such as 08:00-18:00; they may pass midnight."""

    hours: str
    timezone: str = "UTC"

    @field_validator("hours")
    @classmethod
    def _are_hours(cls, said: str) -> str:
        if _HOURS.fullmatch(said.strip()) is None:
            raise ValueError("hours such as 22:00-06:00")
        return said

    @field_validator("timezone")
    @classmethod
    def _is_zone(cls, said: str) -> str:
        try:
            ZoneInfo(said)
        except (KeyError, ValueError, OSError):
            raise ValueError("a time zone such as Europe/Berlin") from None
        return said

    def holds(self, moment: datetime) -> bool:
        """Whether it is quiet at the moment."""
        found = _HOURS.fullmatch(self.hours.strip())
        assert found is not None
        now = moment.astimezone(ZoneInfo(self.timezone)).time()
        start, end = time(int(found[1]) % 24, int(found[2])), time(int(found[3]) % 24, int(found[4]))
        return start <= now < end if start < end else now >= start or now < end


class Retrain(Record):
    """What asks for training, and what keeps it in check; a window is `every` long.

    The defaults are near the front of about 150 policies on nine streams of data.
    """

    on: tuple[Reason, ...] = ("gain", "data_drift", "age")
    every: Gap = "7d"
    """How long a window is in which a model trained today is compared with the champion: a span such as `7d`."""
    gain: float = Field(default=0.10, gt=0)
    """Train when the relative gains of a corrected model, summed over windows (a fall back to 0 resets), exceed it."""
    drifted: Annotated[tuple[int, int], BeforeValidator(_n_of_m)] = (2, 3)
    """So many of the last days drifted, the latest among them, before drift is more than watched."""
    max_age: int = Field(default=8, ge=1)
    """Windows after which a model is trained anew whatever was measured."""
    cooldown: int = Field(default=2, ge=0)
    """Windows that a new champion, or a refusal, is given before the next training."""
    budget: Annotated[tuple[int, int], BeforeValidator(_n_of_m)] = (1, 4)
    """Trainings a window on average: `1 of 4` saves one up every four windows, and at most 4."""
    seconds_per_day: float | None = Field(default=None, gt=0)
    """Of training, over all trainings of a day."""
    minimum_labelled: int = Field(default=200, ge=1)
    """Rows with an outcome that no training has seen, below which there is nothing to learn."""
    breaker: int = Field(default=3, ge=1)
    """Refused or failed trainings in a row after which a person must look: `keepfit train` closes it again."""
    quiet_hours: QuietHours | None = None
    rows: Literal["source", "source and log"] = "source and log"
    """What a retraining learns from: the source alone, or the answered rows whose outcomes came, too."""
    promote: Literal["automatic", "by hand"] = "automatic"
    """Whether a retrained model that holds every gate goes on to serve (after its shadow or canary, where `serve:` has
    one) or waits as the challenger for `keepfit promote`."""
