"""What the words of a text do to a model's answer: what is lost when all places of a word are left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

LONGEST_TEXT = 10_000
MOST_WORDS = 64
"""Different words that are left out in turn, the first of the text."""
MOST_SHOWN = 10
_WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")


def word_effects(
    text: str, answer: float, answers: Callable[[Sequence[str]], np.ndarray[Any, np.dtype[np.float64]]]
) -> tuple[list[tuple[str, float]], str]:
    """The words that moved the answer most, with what each adds, and a note; without words, it says why.

    `answers` gives the model's answers to texts. Words are left out one at a time (occlusion), whatever their case, so
    the effects do not add up.
    """
    if len(text) > LONGEST_TEXT:
        return [], f"The text has more than {LONGEST_TEXT:,} characters: its words were not looked at."
    places: dict[str, list[re.Match[str]]] = {}
    for found in _WORD.finditer(text):
        places.setdefault(found[0].casefold(), []).append(found)
    words = list(places)[:MOST_WORDS]
    if len(words) < 2:
        return [], "The text has too few words to leave one out."
    without = answers([_without(text, places[word]) for word in words])
    ranked = sorted(zip(words, (answer - without).tolist(), strict=True), key=lambda each: -abs(each[1]))
    left = f" Only the first {MOST_WORDS} of {len(places):,} words were tried." if len(places) > MOST_WORDS else ""
    return ranked[:MOST_SHOWN], f"Each word was left out in turn; what changes then does not add up.{left}"


def _without(text: str, places: Sequence[re.Match[str]]) -> str:
    kept, at = [], 0
    for place in places:
        kept.append(text[at : place.start()])
        at = place.end()
    return "".join([*kept, text[at:]])
