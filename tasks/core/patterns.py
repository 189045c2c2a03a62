"""Regular expressions that mean the same in Rust (polars), in Python, and in RE2 and JavaScript.

The common subset: literals, `.`, classes, groups, alternatives, repetition, `^`, `$`, `\\b`, `\\d \\w \\s`, which mean
ASCII alone. Look-around and back-references are refused (Rust has none), and so is what the engines read differently.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_CLASSES = {"d": "0-9", "w": "0-9A-Za-z_", "s": r" \t\n\r\f\v"}
_PIECES = re.compile(
    r"""\\(?P<escape>.)
    |(?P<class>\[\^?\]?(?:[^\]\\]|\\.)*\])
    |(?P<special>\(\?(?!:).{0,2})
    |(?P<possessive>(?:[*+?]|\{\d+(?:,\d*)?\})[+])
    |(?P<repeat>\{\d+(?:,\d*)?\})
    |(?P<brace>[{}])
    |(?P<end>\$)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)


class PatternError(ValueError):
    """A pattern that is not in the subset; says why."""


@dataclass(frozen=True)
class Pattern:
    """One pattern with one group, as each engine writes it."""

    rust: str
    python: re.Pattern[str]


@lru_cache(maxsize=1024)
def pattern(text: str) -> Pattern:
    """The pattern for both engines; PatternError when it is not in the subset or has not one group."""
    rust, python = "", ""
    for piece in _PIECES.finditer(text):
        kind, found = piece.lastgroup, piece[0]
        if kind == "escape":
            rust, python = rust + _escaped(piece["escape"], "(?-u:\\{0})"), python + _escaped(piece["escape"], "\\{0}")
        elif kind == "class":
            rust, python = rust + _class(found), python + _class(found)
        elif kind == "end":
            rust, python = rust + "$", python + r"\Z"
        elif kind in ("special", "possessive", "brace"):
            raise PatternError(_WHY[kind].format(found))
        else:
            rust, python = rust + found, python + found
    try:
        compiled = re.compile(python, re.ASCII)
    except re.error as exc:
        raise PatternError(f"it is no regular expression ({exc.msg})") from exc
    if compiled.groups != 1:
        raise PatternError(f"it must have one group in parentheses, not {compiled.groups}; others are written (?:…)")
    return Pattern(rust, compiled)


_WHY = {
    "special": "{0!r} is not supported: no look-around, flags or named groups",
    "possessive": "{0!r} is not supported: no possessive repetition",
    "brace": "{0!r} must be written with a backslash when it does not count repetitions",
}


def _escaped(sign: str, boundary: str) -> str:
    if sign.lower() in _CLASSES:
        return f"[{'^' if sign.isupper() else ''}{_CLASSES[sign.lower()]}]"
    if sign in "bB":
        return boundary.format(sign)
    if sign.isdigit():
        raise PatternError(f"'\\{sign}' is not supported: no back-references")
    if sign.isalpha() and sign not in "tnrfv":
        raise PatternError(f"'\\{sign}' is not supported")
    return f"\\{sign}" if sign.isascii() and sign not in "<>_ \n" else sign


def _class(text: str) -> str:
    inside = re.sub(r"\\(.)", lambda found: _in_class(found[1]), text[1:-1], flags=re.DOTALL)
    plain = re.sub(r"\\.", "", text[1:-1], flags=re.DOTALL)
    if "[" in plain or re.search(r"&&|--|~~|\|\|", plain) or plain.lstrip("^").startswith("]"):
        raise PatternError(f"{text!r} is read differently by other engines; put a backslash before the sign")
    return f"[{inside}]"


def _in_class(sign: str) -> str:
    if sign in _CLASSES:
        return _CLASSES[sign]
    if sign.isalnum() and sign not in "tnrfv":
        raise PatternError(f"'\\{sign}' is not supported within brackets")
    return f"\\{sign}" if sign.isascii() and sign not in "<>_ \n" else sign
