"""The section `monitor:` of project.yaml: what live rows are compared by, and how many false alarms that may cost."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from tasks.core.records import Record

_RATE = re.compile(r"(\d+(?:\.\d+)?) *(?:per|a) *(week|month|year)")
_A_YEAR = {"week": 365 / 7, "month": 12.0, "year": 1.0}


def _a_year(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    found = _RATE.fullmatch(value.strip())
    if found is None:
        raise ValueError("a number and a span, such as 1 per year (week, month or year)")
    return float(found[1]) * _A_YEAR[found[2]]


class Monitor(Record):
    """How the champion is watched."""

    false_alarms: Annotated[float, BeforeValidator(_a_year)] = Field(default=1.0, gt=0, le=365)
    """A year, over all columns, pairs and windows; said like `1 per year`. More of them show smaller shifts."""
    time: str | None = None
    """The column that says when a training row came; by default the one that the rows are split by, if any is."""
    window: Literal["1d"] = "1d"
    """A UTC day: days differ more than rows do, and the promise rests on how much."""
