"""What the values of options are made of; each says what it expects of one that is none."""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime


def positive(text: str) -> float:
    """A number above 0."""
    if not (value := float(text)) > 0:
        raise argparse.ArgumentTypeError(f"expected more than 0, found {text}")
    return value


def count(text: str) -> int:
    """A whole number from 1 on."""
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, found {text}")
    return value


def day(text: str) -> date:
    """A day, or today (UTC)."""
    try:
        return datetime.now(UTC).date() if text == "today" else date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a day like 2026-03-31, found {text}") from None


def moment(text: str) -> datetime:
    """A moment; UTC where it names no zone."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a date like 2026-03-31, found {text}") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
