"""Names, numbers and values in a sentence: a few of them, and how many more there are."""

from __future__ import annotations

from collections.abc import Sequence

MOST = 5
_LONGEST = 40


def listed(names: Sequence[str]) -> str:
    """The names as `a`, `b` and `c`; of more than five the first, and the number of the others."""
    shown = [f"`{name}`" for name in names[:MOST]]
    if len(names) > MOST:
        return f"{', '.join(shown)} and {len(names) - MOST:,} more"
    return " and ".join(filter(None, (", ".join(shown[:-1]), *shown[-1:])))


def counted(n: int, what: str) -> str:
    """A number with its noun: 1 row, 1,203 rows."""
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def shown(value: object) -> str:
    """A value of the data, not longer than a sentence bears."""
    text = " ".join(str(value).split())
    return f"“{text if len(text) <= _LONGEST else text[: _LONGEST - 1] + '…'}”"
