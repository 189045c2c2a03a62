"""Which rows of a growing table are new: those above the last value, and of those at it the ones not yet taken.

Rows may come later with the value that was the last one. So the position names the value and a digest of each row
taken at it; the rows at the value are asked for again, and what has a digest among these is passed over, as often as
it was taken.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, cast

from pydantic import JsonValue

from tasks.core.errors import DataError

_READERS: dict[str, Callable[[Any], Any]] = {
    "number": lambda value: value,
    "text": lambda value: value,
    "decimal": Decimal,
    "date": date.fromisoformat,
    "moment": datetime.fromisoformat,
}


class Watermark:
    """The last value of a column and the rows at it; grows with every row that is taken, in the column's order."""

    def __init__(self, column: str, at: int, position: JsonValue) -> None:
        """`at` is the column's place in a row; `position` is what an earlier reading ended with, or None."""
        self._column = column
        self._at = at
        self.value: Any = None
        """The database's own value, to ask for what is not below it; None when nothing was taken yet."""
        self._taken: Counter[str] = Counter()
        if isinstance(position, dict):
            [(kind, value)] = cast("dict[str, Any]", position["value"]).items()
            self.value = _READERS[kind](value)
            self._taken = Counter(cast("list[str]", position["taken"]))
        self._before = self.value
        self._known = self._taken.copy()

    def fresh(self, rows: Sequence[Sequence[Any]]) -> Sequence[Sequence[Any]]:
        """Those of the rows that were not taken before; from now on they are."""
        if self._before is not None:
            rows = self._without_known(rows)
        if not rows:
            return rows
        last = rows[-1][self._at]
        if self.value is None or not _same(last, self.value):
            self._taken.clear()
        self.value = last
        for row in reversed(rows):
            if not _same(row[self._at], last):
                break
            self._taken[_digest(row)] += 1
        return rows

    def _without_known(self, rows: Sequence[Sequence[Any]]) -> Sequence[Sequence[Any]]:
        kept: list[Sequence[Any]] = []
        for number, row in enumerate(rows):
            if not _same(row[self._at], self._before):
                self._before = None  # in order: nothing that follows is at the old value
                return [*kept, *rows[number:]]
            digest = _digest(row)
            if self._known[digest] > 0:
                self._known[digest] -= 1
            else:
                kept.append(row)
        return kept

    def position(self) -> JsonValue:
        """Where the taken rows end, as JSON; None when there are none. DataError for a value nothing can follow."""
        if self.value is None:
            return None
        return {"value": self._written(self.value), "taken": [*sorted(self._taken.elements())]}

    def _written(self, value: Any) -> dict[str, JsonValue]:
        match value:
            case str():
                return {"text": value}
            case int() | float() if not isinstance(value, bool) and math.isfinite(value):
                return {"number": value}
            case Decimal() if value.is_finite():
                return {"decimal": str(value)}
            case datetime():
                return {"moment": value.isoformat()}
            case date():
                return {"date": value.isoformat()}
            case _:
                raise DataError(
                    f"The watermark {self._column!r} cannot be gone on from",
                    expected="a number, text, date or moment in every row",
                    found=f"{value!r:.60}",
                    action="Name a column that only grows, or leave such rows out in the query",
                )


def _same(one: Any, other: Any) -> bool:
    """Whether the database may hold the two values for equal: some do so whatever the case or the spaces behind."""
    if isinstance(one, str) and isinstance(other, str):
        return one.casefold().rstrip() == other.casefold().rstrip()
    return one == other


def _digest(row: Sequence[Any]) -> str:
    return hashlib.sha256(repr([_plain(value) for value in row]).encode()).hexdigest()[:24]


def _plain(value: Any) -> Any:
    # The same moment comes in another zone when the session has another.
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).isoformat()
    return bytes(value) if isinstance(value, memoryview) else value
