"""The section `monitor:` of project.yaml: what live rows are compared by, and how many false alarms that may cost."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from tasks.core import store
from tasks.core.errors import DataError
from tasks.core.records import Record, Splits

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


def time_column(splits: Splits, said: str | None) -> str | None:
    """The column of dates that says when a row came: the one that `monitor:` names, or that the rows are split by."""
    import pyarrow as pa

    name = said or splits.time_column
    if name is None:
        return None
    schema = store.schema(splits.train)
    if name in schema.names and pa.types.is_temporal(schema.field(name).type):
        return name
    if said is None:
        return None  # rows split by a number that grows are in order, and have no days
    raise DataError(
        f"`monitor: {{time: {name}}}` cannot say when a row came",
        expected="a column of dates that is in the prepared rows",
        found=next((each.type for each in splits.train.columns if each.name == name), "no such column there"),
        action="Name another, or let it be read as dates",
    )
