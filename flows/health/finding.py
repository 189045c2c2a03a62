"""One line of what `keepfit doctor` found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warning", "failed"]


@dataclass(frozen=True)
class Finding:
    """What was looked at, how it is, and what to do if that is not well."""

    check: str
    status: Status
    found: str
    action: str = ""


def ok(check: str, found: str) -> Finding:
    """It is well."""
    return Finding(check, "ok", found)


def warning(check: str, found: str, action: str) -> Finding:
    """It works, but may surprise."""
    return Finding(check, "warning", found, action)


def failed(check: str, found: str, action: str) -> Finding:
    """It does not work."""
    return Finding(check, "failed", found, action)
