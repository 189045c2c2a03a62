"""One claim that the data must hold, by Great Expectations' name and arguments, and what happens when it breaks."""

from __future__ import annotations

import math
from datetime import date
from typing import Any, cast

from pydantic import Field, JsonValue, model_validator

from tasks.core import catalogue
from tasks.core.conditions import columns_of
from tasks.core.records import Record, Severity


class Expectation(Record):
    """One claim. `mostly` is the share of the rows that must hold it; rows where the value is missing do not count.

    `severity` says what a broken claim does: `reject` quarantines the rows that break it, `stop` stops the run,
    `warn` only tells. The default is `reject` where single rows can be to blame, else `stop`.
    """

    type: str
    arguments: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])
    mostly: float = Field(default=1.0, gt=0, le=1)
    severity: Severity
    reason: str = ""

    @model_validator(mode="before")
    @classmethod
    def _from_yaml(cls, value: Any) -> Any:
        """`{expect_…: {its arguments and ours}}` taken apart; the form of a dumped record passes as it is."""
        if not isinstance(value, dict) or "type" in value:
            return cast("object", value)
        item = cast("dict[str, Any]", value)
        if len(item) != 1:
            raise ValueError(f"expected one expectation with its arguments, found the keys {_quoted(item)}")
        ((said, given),) = item.items()
        kind = str(said)  # YAML's keys are of any type: `yes:` is True.
        scope = catalogue.scope_of(kind)
        if not isinstance(given, dict):
            raise ValueError(f"{kind}: expected its arguments as {{column: …}}, found {given!r}")
        arguments = {str(name): _plain(argument) for name, argument in cast("dict[Any, Any]", given).items()}
        catalogue.check_arguments(kind, arguments)
        ours = {name: arguments.pop(name) for name in catalogue.OURS if name in arguments}
        reason = ours.pop("notes", "")
        default = "reject" if scope in ("rows", "column") else "stop"
        return {"type": kind, "arguments": arguments, "severity": default, "reason": reason, **ours}

    @model_validator(mode="after")
    def _can_reject(self) -> Expectation:
        if self.severity == "reject" and not self.names_rows:
            raise ValueError(f"{self.type}: severity reject needs rows to blame, and it has none; say stop or warn")
        return self

    @property
    def scope(self) -> catalogue.Scope:
        return catalogue.scope_of(self.type)

    @property
    def names_rows(self) -> bool:
        """Whether single rows can be to blame."""
        return self.scope in ("rows", "column")

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns whose values it speaks of."""
        given = self.arguments
        several = given["column_list"] if "column_list" in given and self.scope != "schema" else []
        total = given.get("sum_total")
        several = [*cast("list[JsonValue]", several), total] if isinstance(total, str) else several
        return (
            *(str(given[name]) for name in ("column", "column_A", "column_B") if name in given),
            *(str(name) for name in cast("list[JsonValue]", several)),
            *columns_of(str(given.get("row_condition", ""))),
        )

    @property
    def claim(self) -> str:
        """The claim in words, like `age: expected values between 0 and 120`."""
        text = f"expected {catalogue.words(self.type, self.arguments)}"
        return f"{', '.join(self.columns)}: {text}" if self.columns else text


def _plain(value: Any) -> Any:
    """YAML's dates as text, since a record is JSON."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"expected a finite number, found {value}; leave the bound out")
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in cast("dict[Any, Any]", value).items()}
    return value


def _quoted(names: dict[str, Any]) -> str:
    return ", ".join(repr(name) for name in names) or "none"
