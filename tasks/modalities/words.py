"""What a text is made of, in any language: its words, their pieces and neighbours, and figures on how it is written.

Letters are compared in Unicode's normal form NFKC, whatever their case. A word is a run of letters and digits; any
other sign but a space stands alone, and so does each character of a script that is written without spaces.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

CHARACTERS = 10_000
"""So many characters of a text count, so that no value costs more than some milliseconds."""
LONGEST = 40
"""A longer run of letters and digits, which no language has, is several words."""
PIECES = (3, 4, 5)
"""Characters in the pieces of a word, its two ends among them as spaces."""
REMEMBERED = 100_000
"""Words whose columns are kept: most of a text's words have been seen before."""

_SPACELESS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai and Lao, Burmese, Khmer
    "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Japanese, Chinese
)
# Signs that combine with letters are none to Python's \w, and would tear the words of Arabic, Hebrew and India apart.
_MARKS = "\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0900-\u0dff"
_ALONE = re.compile(f"[{_SPACELESS}]")
_WORD = re.compile(rf"(?:[^\W_]|[{_MARKS}]){{1,{LONGEST}}}|\S")
_LINK = re.compile(r"https?://|www\.", re.IGNORECASE)
_NUMBER = re.compile(r"\d+")
WORDS = rf"[{_SPACELESS}]|[[\p{{L}}\p{{M}}\p{{N}}]--[{_SPACELESS}]]+"
"""The words of a text as a pattern of polars: to count them."""

FIGURES = (
    "length",
    "words",
    "word length",
    "capitals",
    "digits",
    "signs",
    "beyond ASCII",
    "lines",
    "longest number",
    "links",
    "currencies",
    "exclamations",
    "questions",
)
"""What `figures` gives: `capitals` to `beyond ASCII` are shares of the characters, counts are logarithms."""


def words(text: str) -> list[str]:
    """The words and other signs of a text, folded."""
    folded = unicodedata.normalize("NFKC", text[:CHARACTERS]).casefold()[:CHARACTERS]
    if not folded.isascii():
        folded = _ALONE.sub(r" \g<0> ", folded)
    return _WORD.findall(folded)


def pieces(word: str) -> Iterator[str]:
    """The word, with a space at its ends, and all parts of that of 3 to 5 characters; each once."""
    whole = f" {word} "
    yield whole
    seen = {whole}
    for size in PIECES:
        for start in range(len(whole) - size + 1):
            piece = whole[start : start + size]
            if piece not in seen:
                seen.add(piece)
                yield piece


def neighbours(found: list[str]) -> Iterator[str]:
    """Each word with the next one."""
    return (f"{one} {other}" for one, other in pairwise(found))


def reader(columns: Mapping[str, int]) -> Callable[[list[str]], list[int]]:
    """A function from words to the columns of all terms in them, each as often as it comes."""
    known: dict[str, tuple[int, ...]] = {}
    pairs = {term for term in columns if " " in term[1:-1]}

    def found(texts: list[str]) -> list[int]:
        result: list[int] = []
        for word in texts:
            places = known.get(word)
            if places is None:
                places = tuple(columns[piece] for piece in pieces(word) if piece in columns)
                if len(known) < REMEMBERED:
                    known[word] = places
            result += places
        result += [columns[pair] for pair in neighbours(texts) if pair in pairs]
        return result

    return found


def figures(text: str, found: list[str]) -> list[float]:
    """How the text is written, in the order of FIGURES; `found` are its words."""
    text = text[:CHARACTERS]
    size = max(len(text), 1)
    signs = [word for word in found if len(word) == 1 and not word.isalnum()]
    n_words = len(found) - len(signs)
    numbers = _NUMBER.findall(text)
    return [
        math.log1p(len(text)),
        math.log1p(n_words),
        (sum(map(len, found)) - len(signs)) / max(n_words, 1),
        sum(map(str.isupper, text)) / size,
        sum(map(len, numbers)) / size,
        len(signs) / size,
        0.0 if text.isascii() else sum(character > "\x7f" for character in text) / size,
        math.log1p(text.count("\n")),
        math.log1p(max(map(len, numbers), default=0)),
        math.log1p(len(_LINK.findall(text))),
        math.log1p(sum(unicodedata.category(sign) == "Sc" for sign in signs)),
        math.log1p(text.count("!")),
        math.log1p(text.count("?")),
    ]


WATCHED = ("length", "words", "word length", "capitals", "digits", "beyond ASCII")
"""What `watched` gives, in characters, words, and shares of the characters."""


def watched(texts: Iterable[str | None], terms: Iterable[str] | None = None) -> np.ndarray[Any, np.dtype[np.float64]]:
    """How each text is written, float64 (n, 6); with `terms` also the share of its words that have no part in them."""
    import numpy as np

    known = None if terms is None else reader({term: place for place, term in enumerate(terms)})
    rows: list[list[float]] = []
    for text in texts:
        if not text:
            rows.append([math.nan] * (len(WATCHED) + (known is not None)))
            continue
        found = words(text)
        each = figures(text, found)
        row = [math.expm1(each[0]), math.expm1(each[1]), each[2], each[3], each[4], each[6]]
        if known is not None:
            spoken = [word for word in found if len(word) > 1 or word.isalnum()]
            row.append(sum(not known([word]) for word in spoken) / max(len(spoken), 1))
        rows.append(row)
    return np.array(rows, np.float64).reshape(len(rows), len(WATCHED) + (known is not None))
