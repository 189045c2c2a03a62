"""The section `acceptance:` of project.yaml: the gates that a new model must hold before it serves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from tasks.core.records import Record

AgainstChampion = Literal["not_worse", "better", "off"]


class Acceptance(Record):
    """The gates. They are on by default; each can be set by name in project.yaml."""

    baseline: Literal["better", "off"] = "better"
    champion: AgainstChampion = "not_worse"
    minimum: Mapping[str, float] = Field(default_factory=dict)
    """Metric -> the least acceptable value on the test rows (for an error or a loss: the largest)."""
    parity: float = 1e-9
    """Largest difference allowed between the exported model and the fitted one; all is computed in float64."""
