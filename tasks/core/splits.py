"""How a project may split its rows into those that train, those that choose and those that judge.

What they promise: rows that come later, at the end of the data, move no earlier row out of the test into training.
By hash and by group a row's place follows from the row alone, so their order is nothing to it either. By time the
newest rows are the test, and older ones may only come from it into training: that is what time does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field

from tasks.core.records import Record

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

TRAIN, VALIDATION, TEST, LEFT_OUT = 0, 1, 2, 3
PARTS = ("train", "validation", "test")

BEFORE_GAP = 128
"""Added to the fold of a training row that lies within the gap before the next fold: it trains no model that the next
fold scores, and is a row of its fold otherwise."""

_SECONDS = {"s": 1, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_SPAN = re.compile(r"(\d+(?:\.\d+)?) *(s|min|h|d|w)")

Share = Annotated[float, Field(gt=0, lt=0.5)]


def _span(said: float | str) -> float | str:
    if isinstance(said, str) and _SPAN.fullmatch(said) is None:
        raise ValueError("a number, or a span of time such as 7d (s, min, h, d or w)")
    return said


Gap = Annotated[Annotated[float, Field(gt=0)] | str, AfterValidator(_span)]


def seconds(gap: str) -> float:
    """How long a span like `7d` is."""
    found = _SPAN.fullmatch(gap)
    return float(found[1]) * _SECONDS[found[2]] if found else 0.0


class _Split(Record):
    n_folds: int = Field(default=4, ge=2, le=20)
    """With four folds each fit sees three quarters of the training rows, at four fifths of the cost of five."""

    @property
    def columns(self) -> tuple[str, ...]:
        """What the rows are split by."""
        return ()

    @property
    def rule(self) -> dict[str, object]:
        """What decides where a row goes; a setting that is not made is not in it."""
        return self.model_dump(mode="json", exclude_none=True)


class Shares(_Split):
    test: Share = 0.2
    validation: Share = 0.16
    """A fifth of what is not test."""


class HashSplit(Shares):
    """Rows at random, by the hash of their input values: rows that are equal stay together."""

    by: Literal["hash"] = "hash"


class StratifiedSplit(Shares):
    """Rows at random, but each class, or tenth of a number, in its share; this goes by the order of the rows too."""

    by: Literal["stratified"]


class TimeSplit(Shares):
    """The newest rows are the test, those before them the validation; the folds are blocks in the order of time."""

    by: Literal["time"]
    column: str
    gap: Gap | None = None
    """Rows so shortly before validation, before test and before the fold that is scored teach nothing: what they
    answer was not known when the first row after them came."""

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)


class GroupSplit(Shares):
    """All rows with the same values of `column` stay together, so the test is on groups never seen."""

    by: Literal["group"]
    column: str | tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,) if isinstance(self.column, str) else self.column


class PredefinedSplit(_Split):
    """The values of `column` say where a row goes: train, validation (val, valid, dev) or test."""

    by: Literal["column"]
    column: str
    validation: Share = 0.2
    """Of the rows that are not test, by hash, when the column names none for validation."""

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)


Split = Annotated[HashSplit | StratifiedSplit | TimeSplit | GroupSplit | PredefinedSplit, Field(discriminator="by")]


@dataclass(frozen=True)
class Assignment:
    """For each row its part (TRAIN, VALIDATION, TEST or LEFT_OUT), and for training rows the fold."""

    part: npt.NDArray[np.uint8]
    fold: npt.NDArray[np.uint8]
