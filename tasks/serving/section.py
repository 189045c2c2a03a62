"""The section `serve:` of project.yaml: what a server does besides answering."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from tasks.core.records import Record

Personal = Literal["hash", "drop", "keep"]


def _share(value: Any) -> Any:
    if isinstance(value, str) and value.strip().endswith("%"):
        return float(value.strip()[:-1]) / 100
    return value


def _canary(value: Any) -> Any:
    return {"share": value} if isinstance(value, str | int | float) else value


def _log(value: Any) -> Any:
    if isinstance(value, bool):
        value = "required" if value else "off"
    return {"keep": value} if isinstance(value, str) else value


class Log(Record):
    """What the prediction log holds, and what an answer is worth that it could not hold."""

    keep: Literal["required", "best_effort", "off"] = "required"
    """`required`: no answer without its row in the log (507 when the disk is full); `best_effort`: answers go on."""
    days: int = Field(default=90, ge=1)
    """How long rows are kept: a season, so that monitoring can look back at one."""
    personal: Personal = "hash"
    """What becomes of columns that hold personal data; hashed values can still be counted and joined."""
    columns: Mapping[str, Personal] = Field(default_factory=dict)
    """The same for single columns, by name."""
    sync: bool = False
    """Wait for the disk before each answer, so that power may fail too; costs a tenth of a millisecond or more."""


class Limits(Record):
    """When a canary is taken back: its figures against the champion's in the same minutes."""

    share: Annotated[float, BeforeValidator(_share)] = Field(gt=0, lt=1)
    """Of the requests, that the challenger answers."""
    errors: float = Field(default=0.01, ge=0)
    """By how much more of its requests may fail."""
    refused: float = Field(default=0.02, ge=0)
    """By how much more of its rows may be refused."""
    latency: float = Field(default=2.0, gt=1)
    """How many times as slow it may be, in the 95th percentile."""
    requests: int = Field(default=200, ge=20)
    """Before it is judged."""


class Serve(Record):
    """How the project's champion is served."""

    shadow: Literal["challenger"] | None = None
    """Ask the challenger the same rows, unseen, and log what it would have answered."""
    canary: Annotated[Limits, BeforeValidator(_canary)] | None = None
    """Let the challenger answer a share of the requests; which ones is decided by the key, so that it sticks."""
    trial: int = Field(default=2_000, ge=20)
    """Requests that a newly trained model answers in the shadow, or as canary, within its limits before it serves."""
    access: Literal["open", "keys"] = "open"
    """`keys`: every request needs an API key; `open`: only on addresses that other machines reach."""
    log: Annotated[Log, BeforeValidator(_log)] = Log()
