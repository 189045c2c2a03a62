"""One line of what `keepfit doctor` found."""

from __future__ import annotations

from typing import Literal

from tasks.core.records import Record

Status = Literal["ok", "warning", "failed"]


class Finding(Record):
    """What was looked at, how it is, and what to do if that is not well."""

    check: str
    status: Status
    found: str
    action: str | None


def ok(check: str, found: str) -> Finding:
    """It is well."""
    return Finding(check=check, status="ok", found=found, action=None)


def warning(check: str, found: str, action: str) -> Finding:
    """It works, but may surprise."""
    return Finding(check=check, status="warning", found=found, action=action)


def failed(check: str, found: str, action: str) -> Finding:
    """It does not work."""
    return Finding(check=check, status="failed", found=found, action=action)
