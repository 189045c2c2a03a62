"""What one row must look like, generated from the model's card: JSON in, checked rows and the model's floats out.

Every input column must be there, so that a forgotten one is a mistake; its value may be null, which is a missing
value. The check runs inside msgspec's parser (0.6 µs a row of 20 columns; pydantic 2.5); only a refused body is
looked at a second time, slowly, to say which row and which field.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec.structs import astuple

from tasks.core import matrix
from tasks.core.expressions import declared_row
from tasks.core.records import Column, ModelCard
from tasks.serving.refusal import Refusal

MAX_ROWS = 10_000  # about 70 ms of work: a longer list belongs in `keepfit predict`


class Moment(datetime):
    """A date or a time stamp; with an offset it is turned into UTC, without one it is taken as it stands."""


EXPECTED = {
    "number": "a number",
    "integer": "a number",
    "boolean": "true or false",
    "text": "a text",
    "date": 'an ISO date such as "2024-05-31" or "2024-05-31T14:30:00"',
}
_TYPES: dict[str, Any] = {"number": float, "integer": float, "boolean": bool, "text": str, "date": Moment}


class RowSchema:
    """Reads the rows of a request body and packs each into the floats that the model of this card takes."""

    def __init__(self, card: ModelCard) -> None:
        self.columns = {column.name: column for column in card.inputs}
        self._names = tuple(self.columns)
        # A text category whose levels came from whole numbers is written "3", never "3.0".
        self._whole = tuple(i for i, column in enumerate(card.inputs) if column.type == "integer")
        self._declared: Callable[[dict[str, Any]], dict[str, Any]] = declared_row(card.features)
        self._floats: Callable[[Mapping[str, Any]], list[float]] = matrix.row(card.features)
        # msgspec cannot match a key that JSON has to escape: such rows are parsed first and renamed.
        escaped = [name for name in self._names if any(c in '"\\' or c < " " for c in name)]
        self._aliases = {name: f"\ue000{i}" for i, name in enumerate(escaped)}
        row = msgspec.defstruct(
            "Row",
            [(f"f{i}", _TYPES[column.type] | None) for i, column in enumerate(card.inputs)],
            rename={f"f{i}": self._aliases.get(name, name) for i, name in enumerate(self._names)},
            forbid_unknown_fields=True,
        )
        self._row = row
        self._one = msgspec.json.Decoder(row, dec_hook=_moment)
        self._many = msgspec.json.Decoder(list[row], dec_hook=_moment)

    def read(self, body: bytes) -> tuple[list[Any], bool]:
        """The rows of a body, and whether it was a list of them. Raises Refusal."""
        single = not body.lstrip(b" \t\r\n").startswith(b"[")
        try:
            if self._aliases:
                rows = self._read_renamed(body, single)
            else:
                rows = [self._one.decode(body)] if single else self._many.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
            raise self._refusal(body, str(exc)) from exc
        if len(rows) > MAX_ROWS:
            raise Refusal(
                413,
                "Too many rows in one request",
                expected=f"at most {MAX_ROWS:,} rows",
                found=f"{len(rows):,} rows",
                action="Send them in several requests, or use `keepfit predict` for a file.",
            )
        return rows, single

    def pack(self, row: Any) -> list[float]:
        """The model's input floats for a row that `read` gave."""
        values = list(astuple(row))
        for i in self._whole:
            value = values[i]
            if value is not None and value.is_integer():
                values[i] = int(value)
        return self._floats(self._declared(dict(zip(self._names, values, strict=True))))

    def _read_renamed(self, body: bytes, single: bool) -> list[Any]:
        parsed = msgspec.json.decode(body)
        rows = [parsed] if single else parsed
        renamed = [
            {self._aliases.get(key, key): value for key, value in row.items()} if isinstance(row, dict) else row
            for row in rows
        ]
        return msgspec.convert(renamed, list[self._row], dec_hook=_moment)

    def _refusal(self, body: bytes, parser_says: str) -> Refusal:
        """Which row and field of a refused body is wrong, and how."""
        try:
            parsed = json.loads(body)
        except (ValueError, RecursionError):
            return _not_json(parser_says)
        rows: list[Any] = parsed if isinstance(parsed, list) else [parsed]
        for index, row in enumerate(rows):
            if not isinstance(row, dict):
                return Refusal(
                    422,
                    "A row is not an object",
                    row=index,
                    expected="a JSON object, or a list of objects",
                    found=_shown(row),
                    action='Send a row as {"column": value, …}.',
                )
            if refusal := self._fault(index, row):
                return refusal
        return _not_json(parser_says)

    def _fault(self, index: int, row: dict[str, Any]) -> Refusal | None:
        for name in row:
            if name not in self.columns:
                near = difflib.get_close_matches(name, [known for known in self._names if known not in row], n=1)
                action = f"Did you mean “{near[0]}”?" if near else "Leave it out."
                return Refusal(
                    422,
                    f"The field “{name}” is unknown",
                    row=index,
                    field=name,
                    expected="the input columns " + _listed(self._names),
                    found=_shown(row[name]),
                    action=action,
                )
        for name, column in self.columns.items():
            expected = f"{EXPECTED[column.type]}, or null for a missing value"
            if name not in row:
                return Refusal(
                    422,
                    f"The field “{name}” is not there",
                    row=index,
                    field=name,
                    expected=expected,
                    found="no such field",
                    action=f"Add “{name}”; send null if its value is not known.",
                )
            if not _fits(column, row[name]):
                return Refusal(
                    422,
                    f"The field “{name}” has a value of the wrong type",
                    row=index,
                    field=name,
                    expected=expected,
                    found=_shown(row[name]),
                    action=_cure(column, row[name]),
                )
        return None


def _moment(kind: type, value: Any) -> Moment:
    if not isinstance(value, str):
        raise ValueError("a date is a text")
    moment = Moment.fromisoformat(value)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _fits(column: Column, value: Any) -> bool:
    if isinstance(value, float) and not math.isfinite(value):
        return False
    try:
        msgspec.convert(value, _TYPES[column.type] | None, dec_hook=_moment)
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
    return "a list" if isinstance(value, list) else "an object"


def _cure(column: Column, value: Any) -> str:
    if isinstance(value, str) and column.type in ("number", "integer"):
        return "Send the number without quotes, or null."
    if isinstance(value, float) and not math.isfinite(value):
        return "JSON has no NaN and no infinity: send null."
    return f"Send {EXPECTED[column.type]}, or null."


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")


def _not_json(parser_says: str) -> Refusal:
    return Refusal(
        400,
        "The body is not JSON",
        expected="a JSON object for one row, or a list of objects, in UTF-8",
        found=parser_says.removeprefix("JSON is malformed: "),
        action="Check the body with a JSON validator.",
    )
