"""The terms of texts that a model counts: words, pairs of neighbours and pieces of words, the commonest of each.

How many rows a term comes in decides, and no answer does: so the choice tells no fold about another one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tasks.modalities import words

LEAST_ROWS = 3
"""A term of fewer rows is a chance."""
NEARLY_ALL = 0.95
"""A term of more than this share of the rows tells none apart."""
SHARES = (0.4, 0.15, 0.45)
"""Of words, neighbours and pieces. Each alone was worse on short messages, and pieces know words that are misspelt."""
MOST_COUNTED = 2_000_000
"""Terms in memory; those that came but once are forgotten when there are more."""


def vocabulary(texts: Iterable[str], most: int) -> tuple[str, ...]:
    """At most so many terms; the same texts in any order give the same ones unless there are millions of terms."""
    counts: Counter[str] = Counter()
    n_rows = 0
    for text in texts:
        found = words.words(text)
        terms = set(words.neighbours(found))
        for word in set(found):
            terms.update(words.pieces(word))
        counts.update(terms)
        n_rows += 1
        if len(counts) > MOST_COUNTED:
            counts = Counter({term: n for term, n in counts.items() if n > 1})
    common = [pair for pair in counts.items() if LEAST_ROWS <= pair[1] <= NEARLY_ALL * n_rows]
    kinds: tuple[list[str], ...] = ([], [], [])
    for term, _ in sorted(common, key=lambda pair: (-pair[1], pair[0])):
        kinds[_kind(term)].append(term)
    return tuple(term for kind, share in zip(kinds, SHARES, strict=True) for term in kind[: round(share * most)])


def _kind(term: str) -> int:
    if " " in term[1:-1]:
        return 1
    return 0 if term[0] == term[-1] == " " else 2
