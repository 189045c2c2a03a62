"""How long Python may search with a pattern: it tries one way of matching after the other, Rust all at once.

A `Shape` bounds the ways in which a part of a pattern can match at one place of a text, so that a search that could
take more than about a millisecond is left to Rust, which takes 0.1 ms, and time linear in the text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_MOST_TRIES = 100_000
"""About a millisecond in Python."""
_LONGEST = 65_536


@dataclass(frozen=True)
class Shape:
    """A part of a pattern: the ways to match in a text of n characters, whether it may match nothing, and its size."""

    ways: Callable[[int], float]
    is_empty: bool
    size: int
    can_repeat: bool = True


SIGN = Shape(lambda n: 1.0, False, 1)
"""One character, of whatever kind."""
PLACE = Shape(lambda n: 1.0, True, 1, can_repeat=False)
"""A place between characters: ^, $ or \\b."""


def sequence(parts: Sequence[Shape]) -> Shape:
    """One part after the other."""
    several = [part for part in parts if part not in (SIGN, PLACE)]
    return Shape(
        lambda n: math.prod(part.ways(n) for part in several),
        all(part.is_empty for part in parts),
        sum(part.size for part in parts),
    )


def choice(parts: Sequence[Shape]) -> Shape:
    """One of the parts."""
    if len(parts) == 1:
        return parts[0]
    return Shape(
        lambda n: sum(part.ways(n) for part in parts),
        any(part.is_empty for part in parts),
        sum(part.size for part in parts) + 1,
    )


def repeated(part: Shape, low: int, high: int | None) -> Shape:
    """The part several times; `high` is None when there is no end."""

    def ways(n: int) -> float:
        each, most = part.ways(n), n if high is None else min(high, n)
        if each == 1:
            return max(1, most - low + 1)
        if most * math.log(each) > 50:
            return math.inf
        return max(1.0, sum(each**times for times in range(low, most + 1)))

    return Shape(ways, low == 0 or part.is_empty, part.size * max(1, low, high or 1) + 1, can_repeat=False)


def longest(whole: Shape) -> int:
    """The number of characters up to which Python may search."""
    n = _LONGEST
    while n > 1 and n * whole.ways(n) > _MOST_TRIES:
        n = n * 3 // 4
    return n if n > 1 else 0
