"""Regular expressions that mean the same in Rust (polars), in Python, and in RE2 and JavaScript.

The common subset: literals, `.`, classes, groups, alternatives, repetition, `^`, `$`, `\\b`, `\\d \\w \\s`, which mean
ASCII alone. Look-around and back-references are refused (Rust has none), and so is what the engines read differently.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from tasks.core import backtracking
from tasks.core.backtracking import PLACE, SIGN, Shape

LONGEST = 300
"""Characters of a pattern."""
_DEEPEST, _LARGEST = 20, 500

_CLASSES = {"d": "0-9", "w": "0-9A-Za-z_", "s": r" \t\n\r\f\v"}
_PIECES = re.compile(
    r"""\\(?P<escape>.)
    |(?P<class>\[\^?\]?(?:[^\]\\]|\\.)*\])
    |(?P<special>\(\?(?!:).{0,2})
    |(?P<possessive>(?:[*+?]|\{\d+(?:,\d*)?\})[+])
    |(?P<repeat>(?:[*+?]|\{\d+(?:,\d*)?\})\??)
    |(?P<brace>[{}])
    |(?P<bracket>\[)
    |(?P<open>\((?:\?:)?)
    |(?P<close>\))
    |(?P<or>\|)
    |(?P<start>\^)
    |(?P<end>\$)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_BOUNDARY = (r"\{0}", r"(?:\{0}|\A\Z)")
"""Python finds no \\B in a text of no characters."""
_TIMES = {"*": (0, None), "+": (1, None), "?": (0, 1)}


class PatternError(ValueError):
    """A pattern that is not in the subset; says why."""


@dataclass(frozen=True)
class Pattern:
    """One pattern with one group, as each engine writes it; Python searches texts of up to `longest` characters."""

    rust: str
    python: re.Pattern[str]
    longest: int

    def search(self, text: str) -> str | None:
        """What the group matches first in the text; None when nothing does."""
        if len(text) <= self.longest:
            found = self.python.search(text)
            return found[1] if found else None
        import polars as pl

        return pl.Series([text]).str.extract(self.rust, 1)[0]


@lru_cache(maxsize=1024)
def pattern(text: str) -> Pattern:
    """The pattern for both engines; PatternError when it is not in the subset or has not one group."""
    if len(text) > LONGEST:
        raise PatternError(f"it has {len(text):,} characters; at most {LONGEST} are read")
    rust, python, shape = "", "", _Shaping()
    for piece in _PIECES.finditer(text):
        kind, found = str(piece.lastgroup), piece[0]
        if kind in _WHY:
            raise PatternError(_WHY[kind].format(found))
        shape.add(kind, found)
        if kind == "escape":
            rust, python = (
                rust + _escaped(found[1], "(?-u:\\{0})"),
                python + _escaped(found[1], _BOUNDARY[found[1] == "B"]),
            )
        elif kind == "class":
            rust, python = rust + _class(found), python + _class(found)
        else:
            rust, python = rust + found, python + (r"\Z" if kind == "end" else found)
    whole = shape.whole()
    try:
        compiled = re.compile(python, re.ASCII)
    except re.error as exc:
        raise PatternError(f"it is no regular expression ({exc.msg})") from exc
    if compiled.groups != 1:
        raise PatternError(f"it must have one group in parentheses, not {compiled.groups}; others are written (?:…)")
    return Pattern(rust, compiled, backtracking.longest(whole))


class _Shaping:
    """Puts the shape of a pattern together while its pieces go by."""

    def __init__(self) -> None:
        self._groups: list[tuple[list[Shape], list[Shape]]] = [([], [])]

    def add(self, kind: str, found: str) -> None:
        """The next piece; PatternError when it cannot stand here."""
        choices, parts = self._groups[-1]
        if kind == "open":
            if len(self._groups) > _DEEPEST:
                raise PatternError(f"its groups are nested more than {_DEEPEST} deep")
            self._groups.append(([], []))
        elif kind == "or":
            choices.append(backtracking.sequence(parts))
            parts.clear()
        elif kind == "close":
            if len(self._groups) == 1:
                raise PatternError("it is no regular expression (unbalanced parenthesis)")
            self._groups.pop()
            self._groups[-1][1].append(backtracking.choice([*choices, backtracking.sequence(parts)]))
        elif kind == "repeat":
            parts[-1:] = [_repeated(parts[-1] if parts else PLACE, found)]
        else:
            parts.append(PLACE if kind in ("start", "end") or found in ("\\b", "\\B") else SIGN)

    def whole(self) -> Shape:
        """The whole pattern; PatternError when it is none or too large."""
        if len(self._groups) > 1:
            raise PatternError("it is no regular expression (missing ), unterminated group)")
        choices, parts = self._groups[0]
        shape = backtracking.choice([*choices, backtracking.sequence(parts)])
        if shape.size > _LARGEST:
            raise PatternError(f"it repeats too much: more than {_LARGEST} signs when it is written out")
        return shape


def _repeated(part: Shape, found: str) -> Shape:
    times = re.match(r"\{(\d+)(,?)(\d*)", found)
    low, high = (int(times[1][:9]), int((times[3] or times[1])[:9])) if times else _TIMES[found[0]]
    if times and times[2] and not times[3]:
        high = None
    if not part.can_repeat:
        raise PatternError(f"there is nothing that {found!r} could repeat")
    if part.is_empty and high is None:
        raise PatternError(f"{found!r} repeats what may match nothing, which the engines read differently")
    if max(low, high or 0) > _LARGEST:
        raise PatternError(f"{found!r} repeats more than {_LARGEST} times")
    return backtracking.repeated(part, low, high)


_WHY = {
    "special": "{0!r} is not supported: no look-around, flags or named groups",
    "possessive": "{0!r} is not supported: no possessive repetition",
    "bracket": "{0!r} is not closed by a ]",
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
    if text in ("[]", "[^]"):
        raise PatternError(_WHY["bracket"].format(text))
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
