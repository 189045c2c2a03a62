"""What texts look like: one pattern that (nearly) all of them have, and signs of damage that they lack."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from tasks.profiling.figures import Shape

FIRST = 20_000
"""Texts that are looked at: a pattern that all of so many have, few others will lack."""
NEARLY_ALL = 0.98
MOST_RUNS = 12
"""A pattern of more runs than this is no pattern but a sentence."""

_RUN = re.compile(r"[0-9]+|[A-Z]+|[a-z]+|(.)\1*", re.DOTALL)
_CLASSES = {"9": "[0-9]", "A": "[A-Z]", "a": "[a-z]"}

SIGNS: tuple[tuple[str, str], ...] = (
    (r"^\s|\s$", "space at an end"),
    (r"</?[A-Za-z][^>]*>|&(?:[a-z]+|#[0-9]+);", "HTML"),
    ("[ÃÂ][^\\sA-Za-z]|â€|\ufffd", "text read in a wrong encoding"),
)
"""What damage looks like in a text, and its name."""

FORMS: tuple[tuple[str, str], ...] = (
    ("[a-z]", "a small letter"),
    ("[A-Z]", "a capital letter"),
    (r"^[A-Z]", "a capital first"),
    (r"\s", "a space"),
    ("[0-9]", "a digit"),
)
"""What texts that have no one pattern may still have in common."""


def shapes(texts: Sequence[str]) -> tuple[Shape, ...]:
    """The pattern that nearly all texts have; if there is none, the forms that nearly all have in common."""
    texts = texts[:FIRST]
    if not texts:
        return ()
    found: Counter[tuple[str, ...]] = Counter(_runs(text) for text in texts)
    (commonest, n_rows), *_ = found.most_common(1)
    if commonest and n_rows >= NEARLY_ALL * len(texts):
        lengths = [_lengths(text) for text in texts if _runs(text) == commonest]
        regex = "".join(_run(run, column) for run, column in zip(commonest, zip(*lengths, strict=True), strict=True))
        if any(run in _CLASSES for run in commonest):
            return (_counted(f"^{_dated(regex, texts)}$", texts, "one pattern"),)
    forms = [_counted(regex, texts, words) for regex, words in FORMS]
    common = [one for one in forms if one.n_rows >= NEARLY_ALL * one.n]
    # Texts that begin with a capital have one.
    regexes = {one.regex for one in common}
    return tuple(one for one in common if not (one.regex == "[A-Z]" and "^[A-Z]" in regexes))


def _dated(regex: str, texts: Sequence[str]) -> str:
    """The pattern with the centuries that come, where it is one of dates such as 2012/01/31."""
    year = "[0-9]{4}"
    if not regex.startswith((f"{year}-", f"{year}/", f"{year}\\-")):
        return regex
    centuries = sorted({text[:2] for text in texts})
    return f"(?:{'|'.join(centuries)})[0-9]{{2}}{regex.removeprefix(year)}" if len(centuries) <= 2 else regex


def damage(texts: Sequence[str]) -> tuple[Shape, ...]:
    """For each sign of damage, how many of the texts have it."""
    return tuple(_counted(regex, texts[:FIRST], words) for regex, words in SIGNS)


def _counted(regex: str, texts: Sequence[str], words: str) -> Shape:
    compiled = re.compile(regex)
    return Shape(regex=regex, n_rows=sum(bool(compiled.search(text)) for text in texts), n=len(texts), words=words)


def _runs(text: str) -> tuple[str, ...]:
    """The kinds of its runs of equal signs, like `A a 9` and `-`; none when they are too many."""
    runs: list[str] = []
    for run in _RUN.finditer(text):
        sign = run[0][0]
        runs.append("9" if "0" <= sign <= "9" else "A" if "A" <= sign <= "Z" else "a" if "a" <= sign <= "z" else sign)
        if len(runs) > MOST_RUNS:
            return ()
    return tuple(runs)


def _lengths(text: str) -> list[int]:
    return [len(run[0]) for run in _RUN.finditer(text)]


def _run(kind: str, lengths: Sequence[int]) -> str:
    """One run as a regular expression: counted where all are as long, else of any length."""
    signs = _CLASSES.get(kind, re.escape(kind))
    if set(lengths) == {1}:
        return signs
    return f"{signs}{{{lengths[0]}}}" if len(set(lengths)) == 1 else f"{signs}+"
