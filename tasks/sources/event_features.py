"""The features of an event log as they are declared: `sum(price, buy)`, over every window, as a record each.

feature  := function ( argument , … )
argument := a word without spaces, commas, quotes and brackets | 'any text, a quote as two'
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from tasks.core.nearest import perhaps

Argument = Literal["property", "event", "gap"]

UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
SECOND = 1_000_000
"""All times within are whole microseconds: sums and differences of them are exact."""


@dataclass(frozen=True)
class Function:
    """The arguments it takes, how many of them it must have, and whether it is computed for each window."""

    takes: tuple[Argument, ...]
    n_required: int
    windowed: bool = True


OF_NUMBERS = ("sum", "mean", "min", "max")
FUNCTIONS: dict[str, Function] = {
    "count": Function(("event",), 0),
    **{name: Function(("property", "event"), 1) for name in OF_NUMBERS},
    "distinct": Function(("property", "event"), 1),
    "last": Function(("property", "event"), 1, windowed=False),
    "recency": Function(("event",), 0, windowed=False),
    "active_days": Function(("event",), 0),
    "sessions": Function(("gap",), 1),
}


@dataclass(frozen=True)
class Window:
    """How far back from the prediction point events are looked at; `length` in microseconds, None: all of them."""

    name: str
    length: int | None


@dataclass(frozen=True)
class Aggregate:
    """One declared feature: a function of the events before the point, of one name (`event`) or of all."""

    name: str
    function: str
    prop: str | None = None
    event: str | None = None
    gap: int = 0

    def columns(self, windows: Iterable[Window]) -> list[str]:
        """The names of its columns, in order."""
        if not FUNCTIONS[self.function].windowed:
            return [self.name]
        if self.function == "sessions":
            return [f"{self.name}{part}_{window.name}" for window in windows for part in ("", "_minutes")]
        return [f"{self.name}_{window.name}" for window in windows]


_CALL = re.compile(r"\s*(\w+)\s*\(\s*(.*?)\s*\)\s*", re.DOTALL)
_ARGUMENTS = re.compile(r"(?:'(?:[^']|'')*'|[^\s,()']+)(?:\s*,\s*(?:'(?:[^']|'')*'|[^\s,()']+))*")
_ARGUMENT = re.compile(r"'(?:[^']|'')*'|[^\s,()']+")
_DURATION = re.compile(r"(\d{1,6})\s*([smhdw])")


def parsed(name: str, text: str) -> Aggregate:
    """The feature that `text` declares; ValueError with what was expected."""
    call = _CALL.fullmatch(text)
    if call is None or (call[2] and not _ARGUMENTS.fullmatch(call[2])):
        raise ValueError(f"for feature {name!r} a call like sum(price, buy), not {text!r}")
    function = FUNCTIONS.get(call[1])
    if function is None:
        hint = perhaps(call[1], FUNCTIONS, "there is no other")
        raise ValueError(f"for feature {name!r} one of {', '.join(FUNCTIONS)}, not {call[1]!r}. {hint}")
    values = [_unquoted(value) for value in _ARGUMENT.findall(call[2])]
    if not function.n_required <= len(values) <= len(function.takes):
        form = ", ".join(function.takes[: function.n_required]) + "".join(
            f"[{', ' if at else ''}{one}]" for at, one in enumerate(function.takes) if at >= function.n_required
        )
        raise ValueError(f"for feature {name!r} {call[1]}({form}), not {text!r}")
    said = dict(zip(function.takes, values, strict=False))
    gap = duration(said["gap"]) if "gap" in said else 0
    return Aggregate(name, call[1], said.get("property"), said.get("event"), gap)


def duration(text: str) -> int:
    """Microseconds of a text like `30m`, `24h` or `7d`; ValueError for another."""
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"a number and a unit like 30m, 24h, 7d or 4w, not {text!r}")
    return int(found[1]) * UNITS[found[2]] * SECOND


def window(text: str) -> Window:
    """The window that a text like `7d` or `all` names."""
    return Window(text, None if text == "all" else duration(text))


def inferred(events: Sequence[str], numbers: Sequence[str]) -> list[Aggregate]:
    """What is computed when no features are declared, for events of these names and properties that are numbers."""
    return [
        Aggregate("n", "count"),
        *(Aggregate(f"n_{event}", "count", event=event) for event in events),
        Aggregate("active_days", "active_days"),
        Aggregate("recency", "recency"),
        *(Aggregate(f"recency_{event}", "recency", event=event) for event in events),
        *(Aggregate(f"sum_{prop}", "sum", prop) for prop in numbers),
    ]


def _unquoted(text: str) -> str:
    return text[1:-1].replace("''", "'") if text.startswith("'") else text
