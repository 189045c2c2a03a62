"""Which row and which field of a refused body is wrong, and what to send instead.

Only a body that msgspec refused comes here: it is parsed again, slowly, and looked through in order.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from tasks.core import markers
from tasks.core.errors import DataError
from tasks.core.nearest import perhaps
from tasks.core.records import BYTES, Column
from tasks.modalities import reading
from tasks.scoring.guard import Rule
from tasks.serving.refusal import Refusal


class Moment(datetime):
    """A date or a time stamp; with an offset it is turned into UTC, without one it is taken as it stands."""


TYPES: dict[str, Any] = {
    **{"number": float, "integer": float, "boolean": bool, "text": str, "date": Moment},
    **dict.fromkeys(BYTES, bytes),
}
"""What msgspec takes for a column of each type. 3 and 3.0 are one number in JSON, so an integer column takes both."""

EXPECTED = {
    "number": "a number",
    "integer": "a number",
    "boolean": "true or false",
    "text": "a text",
    "date": 'an ISO date such as "2024-05-31" or "2024-05-31T14:30:00"',
    "binary": "bytes in base64",
    "image": "the bytes of an image file in base64",
    "sound": "the bytes of a sound file in base64",
}


def moment(kind: type, value: Any) -> Moment:
    """msgspec's hook for a Moment. Raises ValueError."""
    if not isinstance(value, str):
        raise ValueError("a date is a text")
    found = Moment.fromisoformat(value)
    try:
        return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found
    except OverflowError as exc:
        raise ValueError("a date outside the years 1 to 9999") from exc


def fault_of(body: bytes, columns: Sequence[Column], parser_says: str, besides: Sequence[str] = ()) -> Refusal:
    """The first fault of a body that the parser refused; `besides` are names of keys that a row may have, too."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return _not_json(parser_says)
    rows: list[Any] = parsed if isinstance(parsed, list) else [parsed]
    # The parser tells which row: looking through 10,000 rows of 200 columns takes a second.
    told = re.search(r"`\$\[(\d+)\]", parser_says)
    first = int(told[1]) if told else 0
    for index in (first, *range(len(rows))):
        if index < len(rows) and (refusal := _fault(index, rows[index], columns, besides)):
            return refusal
    return _not_json(parser_says)


def fault_in(row: Any, columns: Sequence[Column], besides: Sequence[str], parser_says: str) -> Refusal:
    """The fault of a single row that the parser refused."""
    return _fault(0, row, columns, besides) or _not_json(parser_says)


def unreadable(values: Mapping[str, Any], columns: Sequence[Column], index: int, error: DataError) -> Refusal:
    """Which field of a row that the parser took cannot be read, and why: the bytes of an image that is cut off."""
    for column in columns:
        value, modality = values[column.name], reading(column.type) if column.type in BYTES else None
        if value is not None and modality is not None and (reason := modality.fault(value)):
            return Refusal(
                422,
                f"The field “{column.name}” cannot be read",
                row=index,
                field=column.name,
                expected=f"{EXPECTED[column.type]}, or null for a missing value",
                found=reason,
                action="Send the whole file, as it is.",
            )
    return Refusal(422, error.what, row=index, expected=error.expected, found=error.found, action=error.action)


def misread(column: Column, found: str, index: int) -> Refusal:
    """That a text which stands for no missing number was sent for a number."""
    return _wrong_type(index, column, found)


def broken(rule: Rule, values: Mapping[str, Any], index: int) -> Refusal:
    """That a row breaks an expectation."""
    names = rule.expectation.columns
    several, first = len(names) > 1, names[0]
    expected = rule.expectation.claim.removeprefix(f"{', '.join(names)}: ").removeprefix("expected ")
    quoted = ", ".join(f"“{name}”" for name in names)
    shown = [_shown(values.get(name)) for name in names]
    found = ", ".join(f"{name} {value}" for name, value in zip(names, shown, strict=True))
    return Refusal(
        422,
        f"The fields {quoted} do not fit together" if several else f"The field {quoted} has a value that cannot be",
        row=index,
        field=first,
        expected=f"{expected} ({rule.expectation.reason})" if rule.expectation.reason else expected,
        found=found if several else shown[0],
        action="Correct the value, or send null if it is not known.",
    )


def _wrong_type(index: int, column: Column, value: Any) -> Refusal:
    return Refusal(
        422,
        f"The field “{column.name}” has a value of the wrong type",
        row=index,
        field=column.name,
        expected=f"{EXPECTED[column.type]}, or null for a missing value",
        found=_shown(value),
        action=_cure(column, value),
    )


def _fault(index: int, row: Any, columns: Sequence[Column], besides: Sequence[str]) -> Refusal | None:
    def refusal(what: str, field: str | None, expected: str, found: str, action: str) -> Refusal:
        return Refusal(422, what, row=index, field=field, expected=expected, found=found, action=action)

    if not isinstance(row, dict):
        form = 'Send a row as {"column": value, …}.'
        return refusal("A row is not an object", None, "a JSON object, or a list of objects", _shown(row), form)
    names = [column.name for column in columns]
    known = {*names, *besides}
    unknown = next((name for name in row if name not in known), None)
    if unknown is not None:
        action = perhaps(unknown[:100], [name for name in names if name not in row], "Leave it out") + "."
        return refusal(f"The field “{unknown[:100]}” is unknown", unknown, listed(names), _shown(row[unknown]), action)
    for column in columns:
        name, expected = column.name, f"{EXPECTED[column.type]}, or null for a missing value"
        if name not in row:
            action = f"Add “{name}”; send null if its value is not known."
            return refusal(f"The field “{name}” is not there", name, expected, "no such field", action)
        if not _fits(column, row[name]):
            return _wrong_type(index, column, row[name])
    for name in besides:
        if not isinstance(row.get(name), str | int | float | None) or isinstance(row.get(name), bool):
            form = "Send the key by which you know the row, or leave it out."
            return refusal(
                f"The key “{name}” has a value of the wrong type", name, "a text or a number", _shown(row[name]), form
            )
    return None


def _fits(column: Column, value: Any) -> bool:
    if isinstance(value, str) and value.strip(markers.SPACES) in markers.words_for(column):
        return True
    if isinstance(value, float) and not math.isfinite(value):
        return False
    try:
        msgspec.convert(value, TYPES[column.type] | None, dec_hook=moment)
    except (msgspec.MsgspecError, OverflowError):
        return False
    return True


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return f"the text “{value if len(value) <= 40 else value[:40] + '…'}”"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, int | float):
        return f"the number {value}" if not isinstance(value, int) or abs(value) < 10**20 else "a very large number"
    if isinstance(value, datetime):
        return f"the moment {value.isoformat()}"
    return "a list" if isinstance(value, list) else "bytes" if isinstance(value, bytes) else "an object"


def _cure(column: Column, value: Any) -> str:
    if isinstance(value, str) and column.type in ("number", "integer"):
        return "Send the number without quotes, or null."
    if isinstance(value, float) and not math.isfinite(value):
        return "JSON has no NaN and no infinity: send null."
    return f"Send {EXPECTED[column.type]}, or null."


def listed(names: Sequence[str]) -> str:
    """The input columns in words."""
    return "the input columns " + ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")


def _not_json(parser_says: str) -> Refusal:
    return Refusal(
        400,
        "The body is not JSON",
        expected="a JSON object for one row, or a list of objects, in UTF-8",
        found=parser_says.removeprefix("JSON is malformed: "),
        action="Check the body with a JSON validator.",
    )
