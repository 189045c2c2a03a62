"""Where a source that is asked for what changed since a value ended, so that no row at that value is taken twice."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, cast

from pydantic import JsonValue

from tasks.core.errors import DataError
from tasks.core.nearest import perhaps
from tasks.core.records import Record


class Since(Record):
    """Ask for what is new: the highest value of `column` so far is sent as `param`."""

    param: str
    column: str

    def value(self, position: JsonValue) -> str | None:
        """What to send as `param`; None at the beginning."""
        return str(position["value"]) if isinstance(position, dict) else None


class Boundary:
    """The highest value that rows had so far, and which rows had it.

    Servers answer with what is after a value, or with what is at or after it. Rows below it are known already; those
    at it are told apart by their hashes, and counted, since equal rows may be several.
    """

    def __init__(self, since: Since, position: JsonValue, read: Callable[[Any], Any], title: str) -> None:
        self._column = since.column
        self._read = read
        before: dict[str, Any] = cast("dict[str, Any]", position) if isinstance(position, dict) else {}
        self._value: Any = before.get("value")
        self._key = None if self._value is None else self._key_of(self._value, title)
        self._known = Counter(cast("list[str]", before.get("rows", [])))
        self._rows = list(self._known.elements())
        self._before = self._key
        self.n_below = 0
        """Rows below the value where the last reading ended: the server did not do as it was asked."""

    @property
    def position(self) -> JsonValue:
        """Where the next reading goes on; None when no row had a value."""
        return None if self._value is None else {"value": self._value, "rows": cast("JsonValue", self._rows)}

    def is_new(self, row: Mapping[str, Any]) -> bool:
        """Whether the row is to be taken; the row must have a value."""
        value = row[self._column]
        key = self._read(value)
        if self._before is not None and key <= self._before:
            if key < self._before:
                self.n_below += 1
                return False
            digest = _digest(row)
            if self._known[digest]:
                self._known[digest] -= 1
                return False
        if self._key is None or key > self._key:
            self._key, self._value, self._rows = key, value, []
        if key == self._key:
            self._rows.append(_digest(row))
        return True

    def _key_of(self, value: Any, title: str) -> Any:
        try:
            return self._read(value)
        except (TypeError, ValueError) as exc:
            raise DataError(
                f"The place where {title} ended cannot be compared with its new rows",
                found=f"{value!r} in {self._column}",
                action="Collect everything again with `keepfit train --recollect`",
            ) from exc


def require_column(since: Since, names: list[str], title: str) -> None:
    """DataError when no row has the column that says where to go on."""
    if since.column not in names:
        raise DataError(
            f"No record of {title} has the field of `since.column`",
            expected=repr(since.column),
            found=", ".join(names[:20]),
            action=perhaps(since.column, names, "Correct `since.column`"),
        )


def _digest(row: Mapping[str, Any]) -> str:
    there = {name: value for name, value in row.items() if value is not None}
    return hashlib.sha256(json.dumps(there, sort_keys=True).encode()).hexdigest()[:24]
