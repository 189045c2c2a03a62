"""What a figure lets expect of fresh rows: claims in Great Expectations' own form, each with what was seen."""

from __future__ import annotations

from typing import Any

from pydantic import JsonValue

from tasks.core.expectations import Section
from tasks.core.records import Record, Severity


class Claim(Record):
    """One line of expectations.yaml: the expectation with its arguments, and `seen`, the figure it came from."""

    section: Section
    type: str
    arguments: dict[str, JsonValue]
    seen: str

    @property
    def item(self) -> dict[str, dict[str, JsonValue]]:
        """As the file says it."""
        return {self.type: self.arguments}


def claim(kind: str, seen: str, *, mostly: float = 1.0, severity: Severity | None = None, **arguments: Any) -> Claim:
    """A claim about raw rows; what is a default is not said."""
    said = {name: value for name, value in arguments.items() if value is not None}
    said |= {"mostly": mostly} if mostly < 1 else {}
    said |= {"severity": severity} if severity else {}
    return Claim(section="raw", type=kind, arguments=said, seen=seen)


def figure(value: float) -> str:
    """A number as a person would write it."""
    if value == round(value) and abs(value) < 1e15:
        return f"{round(value):,}"
    return f"{value:.4g}"
