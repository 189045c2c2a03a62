"""What the user may have meant: the known name that is closest to one that is not known."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that looks most like `name`, whatever its case; None when none looks like it."""
    by_folded = {candidate.casefold(): candidate for candidate in sorted(known, reverse=True)}
    found = get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[found[0]] if found else None


def perhaps(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """A sentence that offers the nearest known name, or `otherwise` when there is none."""
    found = nearest(name, known)
    return f"Perhaps {found!r} is meant" if found is not None else otherwise
