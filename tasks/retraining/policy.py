"""The section `retrain:` of project.yaml: what asks for training, and what keeps it in check."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from tasks.core.model_records import Waits
from tasks.core.records import Record
from tasks.core.splits import seconds
from tasks.serving.section import Serve

Reason = Literal["gain", "data_drift", "age"]
_OF = re.compile(r"(\d+) of (\d+)")
_HOURS = re.compile(r"([01]?\d|2[0-4]):([0-5]\d) ?- ?([01]?\d|2[0-4]):([0-5]\d)")


def _n_of_m(value: Any) -> Any:
    found = _OF.fullmatch(value.strip()) if isinstance(value, str) else None
    return (int(found[1]), int(found[2])) if found else value


def _is_part(value: tuple[int, int]) -> tuple[int, int]:
    if not 0 < value[0] <= value[1]:
        raise ValueError("how many of how many, such as 2 of 3")
    return value


Part = Annotated[tuple[int, int], BeforeValidator(_n_of_m), AfterValidator(_is_part)]


def _span(said: str) -> str:
    if not seconds(said) > 0:
        raise ValueError("a span of time such as 7d (s, min, h, d or w)")
    return said


def waits_for(retrain: Retrain, serve: Serve) -> Waits:
    """What a new model waits for before it serves, where another one does."""
    if retrain.promote == "by hand":
        return "by hand"
    return "canary" if serve.canary is not None else "shadow" if serve.shadow is not None else ""


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
        now, (start, end) = moment.astimezone(ZoneInfo(self.timezone)).time(), self._from_to
        return start <= now < end if start < end else now >= start or now < end

    def end_after(self, moment: datetime) -> datetime:
        """When the hours that hold at the moment are over."""
        local, end = moment.astimezone(ZoneInfo(self.timezone)), self._from_to[1]
        day = local.date() if local.time() < end else local.date() + timedelta(days=1)
        return datetime.combine(day, end, local.tzinfo).astimezone(UTC)

    @property
    def _from_to(self) -> tuple[time, time]:
        found = _HOURS.fullmatch(self.hours.strip())
        assert found is not None
        return time(int(found[1]) % 24, int(found[2])), time(int(found[3]) % 24, int(found[4]))


class Retrain(Record):
    """What asks for training, and what keeps it in check; a window is `every` long.

    The defaults are near the front of about 150 policies on nine streams of data.
    """

    on: tuple[Reason, ...] = ("gain", "data_drift", "age")
    every: Annotated[str, AfterValidator(_span)] = "7d"
    """How long a window is in which a model trained today is compared with the champion: a span such as `7d`."""
    gain: float = Field(default=0.10, gt=0)
    """Train when the relative gains of a corrected model, summed over windows (a fall back to 0 resets), exceed it."""
    drifted: Part = (2, 3)
    """So many of the last days drifted, the latest among them, before drift is more than watched."""
    max_age: int = Field(default=8, ge=1)
    """Windows after which a model is trained anew whatever was measured."""
    cooldown: int = Field(default=2, ge=0)
    """Windows that a new champion, or a refusal, is given before the next training."""
    budget: Part = (1, 4)
    """Windows that may ask for a training: of `1 of 4` one is saved up every four windows; 2 at first, 4 at most."""
    seconds_per_day: float | None = Field(default=None, gt=0)
    """Of training, over all trainings of a day."""
    minimum_labelled: int = Field(default=200, ge=1)
    """Rows with an outcome that no training has seen, below which there is nothing to learn."""
    breaker: int = Field(default=3, ge=1)
    """Refused or failed trainings in a row after which a person should look, and `keepfit train` closes it again.
    Until then one is tried every `max_age` windows."""
    quiet_hours: QuietHours | None = None
    rows: Literal["source", "source and log"] = "source and log"
    """What a retraining learns from: the source alone, or the answered rows whose outcomes came, too."""
    correct: bool = True
    """Whether a correction of the champion by the newest labelled rows serves while it helps: docs/decisions/0011."""
    promote: Literal["automatic", "by hand"] = "automatic"
    """Whether a retrained model that holds every gate goes on to serve (after its shadow or canary, where `serve:` has
    one) or waits as the challenger for `keepfit promote`."""

    @property
    def window(self) -> timedelta:
        """How long a window is."""
        return timedelta(seconds=seconds(self.every))
