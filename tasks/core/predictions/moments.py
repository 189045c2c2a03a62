"""Moments as the prediction log has them: microseconds since 1970 in UTC, without a zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # as dates of a row are: in UTC, without a zone
MICROSECOND = timedelta(microseconds=1)


def naive(moment: datetime) -> datetime:
    """The moment in UTC, without its zone; without one it is in UTC already."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def aware(moment: datetime) -> datetime:
    """The moment in UTC, with the zone."""
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def microseconds(moment: datetime) -> int:
    """The microseconds from 1970 to the moment."""
    return (naive(moment) - EPOCH) // MICROSECOND
