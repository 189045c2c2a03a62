"""The words and signs of a declared feature, and the error that points at one."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from tasks.core import dialects
from tasks.core.errors import ProjectError

LONGEST = 10_000
"""Characters of an expression."""
MOST = 600
"""Words and signs of an expression: some 2 ms to parse and type."""
WORDS = frozenset({"and", "or", "not"})
_SHOWN = 120


class ExpressionError(ProjectError):
    """An expression that cannot be used: the problem, the text around the place, and a caret below it."""

    def __init__(self, text: str, at: int, problem: str, action: str = "") -> None:
        super().__init__(f"A declared feature cannot be used: {problem}", found=text, action=action)
        self.args = (text, at, problem, action)
        self.at = at

    def __str__(self) -> str:
        start = max(0, self.at - _SHOWN // 2) if len(self.found) > _SHOWN else 0
        shown = self.found[start : start + _SHOWN]
        line = "".join(sign if sign.isprintable() else " " for sign in shown)
        # The caret stands below the sign in scripts of wide signs and of marks above others, too.
        below = "".join("\u3000" if _is_wide(sign) else " " for sign in line[: self.at - start] if not _is_mark(sign))
        before, after = "…" * (start > 0), "…" * (start + _SHOWN < len(self.found))
        action = f"\n{self.action}." if self.action else ""
        return f"{self.what}\n    {before}{line}{after}\n    {' ' * len(before)}{below}^{action}"


class Token(NamedTuple):
    """One word or sign: `value` is what a number, a text or a truth value stands for."""

    kind: str
    text: str
    at: int
    value: float | str | bool = False


_TOKENS = re.compile(
    r"""(?P<space>\s+)
    |(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<text>'(?:[^'\\]|\\.|'')*')
    |(?P<quoted>`[^`]+`)
    |(?P<name>[^\W\d]\w*)
    |(?P<foreign>===|\*\*|//|<>)
    |(?P<sign><=|>=|==|!=|[-+*/%^<>(),=])""",
    re.VERBOSE | re.DOTALL,
)


def tokens(text: str) -> list[Token]:
    """The words and signs, and an end, which stands at the last of them; ExpressionError when something is neither."""
    if len(text) > LONGEST:
        raise ExpressionError(text[: LONGEST + 1], LONGEST, f"it has {len(text):,} characters, more than {LONGEST:,}")
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        raise ExpressionError(text, exc.start, "this half of a character cannot be written") from exc
    found = list(islice(_lexed(text), MOST + 1))
    if len(found) > MOST:
        raise ExpressionError(text, found[MOST].at, f"an expression has at most {MOST} words and signs")
    return [*found, Token("end", "", max(0, len(text.rstrip()) - 1))]


def _lexed(text: str) -> Iterator[Token]:
    at = 0
    while at < len(text):
        found = _TOKENS.match(text, at)
        kind = str(found.lastgroup) if found else "foreign"
        if found is None or kind == "foreign":
            problem = "this quote is not closed" if text[at] in "'`" else f"{text[at]!r} has no meaning here"
            raise ExpressionError(text, at, problem, dialects.sign(text, at))
        if kind == "number":
            yield Token(kind, found[0], at, _number(text, found[0], at))
        elif kind == "text":
            yield Token(kind, found[0], at, _unquoted(found[0]))
        elif kind == "name" and found[0] in ("true", "false"):
            yield Token("truth", found[0], at, found[0] == "true")
        elif kind != "space":
            yield Token("word" if kind == "name" and found[0] in WORDS else kind, found[0], at)
        at = found.end()


def _number(text: str, written: str, at: int) -> float:
    number = float(written)
    if math.isinf(number):
        raise ExpressionError(text, at, "this number is too large; the largest is about 1.8e308")
    return number


def _unquoted(text: str) -> str:
    # Only the quote is escaped: a backslash belongs to the patterns that are written here.
    return text[1:-1].replace("''", "'").replace("\\'", "'")


def _is_wide(sign: str) -> bool:
    return unicodedata.east_asian_width(sign) in "WF"


def _is_mark(sign: str) -> bool:
    return unicodedata.combining(sign) > 0
