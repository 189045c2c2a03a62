"""What one value of a row is in the matrix: the float that the models see."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tasks.core.errors import DataError
from tasks.core.records import Feature, FeatureKind

UNSEEN = -1.0
MISSING = math.nan

_EXPECTED: dict[FeatureKind, str] = {
    "text": "text",
    "sentences": "text",
    "image": "the bytes of an image",
    "sound": "the bytes of a sound",
    "number": "numbers",
    "boolean": "true or false",
    "category": "text, a number, or true or false",
    "date": "dates, or text such as 2026-11-22 or 2026-11-22T10:30:00Z",
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
MICROSECONDS_A_DAY = 86_400_000_000
DAYS_A_MICROSECOND = 1 / MICROSECONDS_A_DAY
"""polars divides by a constant by multiplying with this; a division elsewhere would differ in the last bit."""


def encoder(feature: Feature) -> Callable[[Any], float]:
    """A function from one value to its float; it raises DataError for a value of another type."""
    if feature.treatment.buckets:
        return _bucket_encoder(feature)
    if feature.kind == "category":
        return _category_encoder(feature)
    if feature.kind == "date":
        return lambda value: days(value, feature)

    def number(value: Any) -> float:
        if value is None:
            return MISSING
        if isinstance(value, (str, bytes, date)):
            raise wrong_type(feature, repr(value))
        return _number(value, feature)

    return number


def _number(value: Any, feature: Feature) -> float:
    try:
        found = float(value)
    except OverflowError:
        return MISSING  # beyond what a double holds: infinite
    except (TypeError, ValueError) as exc:
        raise wrong_type(feature, repr(value)) from exc
    return found if math.isfinite(found) else MISSING


def _category_encoder(feature: Feature) -> Callable[[Any], float]:
    texts: dict[str | None, float] = {**text_codes(feature), None: MISSING, "": MISSING}
    numbers, truths = number_codes(feature), truth_codes(feature)

    def code(value: Any) -> float:
        if value is None or isinstance(value, str):
            return texts.get(value, UNSEEN)
        if isinstance(value, (bytes, date)):
            raise wrong_type(feature, repr(value))
        if value is True or value is False:
            return truths.get(value, UNSEEN)
        try:
            found = float(value)
        except OverflowError:
            return UNSEEN
        except (TypeError, ValueError) as exc:
            raise wrong_type(feature, repr(value)) from exc
        return MISSING if math.isnan(found) else numbers.get(found, UNSEEN)

    return code


def _bucket_encoder(feature: Feature) -> Callable[[Any], float]:
    """The bucket that a value falls into, by the CRC-32 of its text: the same on every machine.

    3, 3.0 and the text "3" are one value, and so are true and the text "true".
    """
    buckets, checksum = feature.treatment.buckets, zlib.crc32

    def bucket(value: Any) -> float:
        if not isinstance(value, str):
            if value is None:
                return MISSING
            if isinstance(value, (bytes, date)):
                raise wrong_type(feature, repr(value))
            value = "true" if value is True else "false" if value is False else _digits(value, feature)
            if value == "nan":
                return MISSING
        return float(checksum(value.encode("utf-8", "surrogatepass")) % buckets) if value else MISSING

    return bucket


def _digits(value: Any, feature: Feature) -> str:
    """A number as text, without the ".0" of a whole one."""
    try:
        found = float(value)
    except OverflowError:
        return str(value)
    except (TypeError, ValueError) as exc:
        raise wrong_type(feature, repr(value)) from exc
    return str(int(found)) if math.isfinite(found) and found.is_integer() else repr(found)


def days(value: Any, feature: Feature) -> float:
    """Days since 1970-01-01 of a date, a moment, or a text in ISO 8601; without a zone it is UTC."""
    if value is None or value == "":
        return MISSING
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError as exc:
            raise wrong_type(feature, repr(value)) from exc
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        day, rest = divmod((moment - _EPOCH) // _MICROSECOND, MICROSECONDS_A_DAY)
        return float(day) + float(rest) * DAYS_A_MICROSECOND
    if isinstance(value, date):
        return float((value - _EPOCH.date()).days)
    raise wrong_type(feature, repr(value))


def text_codes(feature: Feature) -> dict[str, float]:
    """The code of each level."""
    return {level: float(code) for code, level in enumerate(feature.levels) if level}


def number_codes(feature: Feature) -> dict[float, float]:
    """The levels that are numbers as text: 3, 3.0 and the text "3" are the same level, whatever file they came by."""
    codes: dict[float, float] = {}
    for level, code in text_codes(feature).items():
        try:
            number = float(level)
        except ValueError:
            continue
        if math.isfinite(number):
            codes.setdefault(number, code)
    return codes


def truth_codes(feature: Feature) -> dict[bool, float]:
    """The levels that are true or false as text, in any case."""
    codes: dict[bool, float] = {}
    for level, code in text_codes(feature).items():
        if level.casefold() in ("true", "false"):
            codes.setdefault(level.casefold() == "true", code)
    return codes


def wrong_type(feature: Feature, found: str) -> DataError:
    """The error for a value, or a column, that is not of the feature's kind."""
    return DataError(
        f"Feature {feature.name!r} cannot be read",
        expected=_EXPECTED[feature.kind],
        found=found,
        action="Send values of that type, or None for a missing one",
    )
