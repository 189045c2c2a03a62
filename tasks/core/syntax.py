"""The text of a declared feature as a tree.

    expression  := or;  or, and, not, comparison, + -, * /, unary minus bind tighter in this order
    primary     := number | 'text' | name | `any name` | function(expression, …) | (expression)

Operators are calls of functions named by their sign, so that types and backends are one table (core/functions.py).
The parser is Pratt's ("Top down operator precedence", 1973).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NoReturn

from tasks.core.errors import ProjectError


@dataclass(frozen=True)
class Literal:
    """A number or a text."""

    value: float | str
    at: int


@dataclass(frozen=True)
class Name:
    """A column."""

    name: str
    at: int


@dataclass(frozen=True)
class Call:
    """A function or an operator, applied."""

    function: str
    arguments: tuple[Node, ...]
    at: int


Node = Literal | Name | Call


class ExpressionError(ProjectError):
    """An expression that cannot be read: the problem, the text, and a caret below the place."""

    def __init__(self, text: str, at: int, problem: str, action: str = "") -> None:
        super().__init__(f"A declared feature cannot be used: {problem}", found=text, action=action)
        self.at = at

    def __str__(self) -> str:
        line = self.found.replace("\n", " ")
        action = f"\n{self.action}." if self.action else ""
        return f"{self.what}\n    {line}\n    {' ' * self.at}^{action}"


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int


_TOKENS = re.compile(
    r"""(?P<space>\s+)
    |(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<text>'(?:[^'\\]|\\.|'')*')
    |(?P<quoted>`[^`]+`)
    |(?P<name>[^\W\d]\w*)
    |(?P<sign><=|>=|==|!=|[-+*/<>(),=])""",
    re.VERBOSE,
)
_LEFT_BINDING = {"or": 1, "and": 2, "==": 4, "!=": 4, "<": 4, "<=": 4, ">": 4, ">=": 4, "+": 5, "-": 5, "*": 6, "/": 6}
_NOT, _COMPARISON, _MINUS = 3, 4, 7
WORDS = frozenset({"and", "or", "not"})
_LONGEST = 300


@lru_cache(maxsize=1024)
def parse(text: str) -> Node:
    """The expression's tree; ExpressionError, with a caret, when the text is none."""
    return _Parser(text).whole()


def names_in(node: Node) -> set[str]:
    """The columns that the expression needs."""
    if isinstance(node, Name):
        return {node.name}
    if isinstance(node, Call):
        return {name for argument in node.arguments for name in names_in(argument)}
    return set()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [*_lexed(text), _Token("end", "", len(text.rstrip()))]
        self._at = 0
        if len(self._tokens) > _LONGEST:
            self._fail(f"an expression has at most {_LONGEST} words and signs", self._tokens[_LONGEST].at)

    def whole(self) -> Node:
        tree = self._expression(0)
        if self._next.kind != "end":
            self._fail(f"an operator or the end is expected before {self._next.text!r}")
        return tree

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._next
        self._at += 1
        return token

    def _expect(self, sign: str) -> None:
        if self._next.text != sign or self._next.kind not in ("sign", "end"):
            self._fail(f"{sign!r} is expected")
        self._at += 1

    def _fail(self, problem: str, at: int | None = None) -> NoReturn:
        raise ExpressionError(self._text, self._next.at if at is None else at, problem)

    def _expression(self, binding: int) -> Node:
        left = self._prefix()
        while (ours := self._binding()) > binding:
            operator = self._take()
            left = Call(operator.text, (left, self._expression(ours)), operator.at)
            if ours == _COMPARISON and self._binding() == _COMPARISON:
                self._fail("comparisons cannot be chained; write `a < b and b < c`")
        return left

    def _binding(self) -> int:
        token = self._next
        if token.text == "=" and token.kind == "sign":
            self._fail("equality is written ==")
        return _LEFT_BINDING.get(token.text, 0) if token.kind in ("sign", "word") else 0

    def _prefix(self) -> Node:
        token = self._take()
        if token.kind == "number":
            return Literal(float(token.text), token.at)
        if token.kind == "text":
            return Literal(_unquoted(token.text), token.at)
        if token.kind == "quoted":
            return Name(token.text[1:-1], token.at)
        if token.kind == "name":
            return self._call(token) if self._next.text == "(" else Name(token.text, token.at)
        if token.kind == "word" and token.text == "not":
            return Call("not", (self._expression(_NOT),), token.at)
        if token.kind == "sign" and token.text == "-":
            return Call("unary -", (self._expression(_MINUS),), token.at)
        if token.kind == "sign" and token.text == "(":
            inner = self._expression(0)
            self._expect(")")
            return inner
        found = repr(token.text) if token.text else "the end"
        self._fail(f"a column, number, text or function is expected, not {found}", token.at)

    def _call(self, name: _Token) -> Call:
        self._expect("(")
        arguments: list[Node] = []
        while self._next.text != ")" or self._next.kind != "sign":
            if arguments:
                self._expect(",")
            arguments.append(self._expression(0))
        self._expect(")")
        return Call(name.text, tuple(arguments), name.at)


def _lexed(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text):
        found = _TOKENS.match(text, at)
        if found is None:
            problem = "this quote is not closed" if text[at] in "'`" else f"{text[at]!r} has no meaning here"
            hint = "Text is written in single quotes: 'so'" if text[at] == '"' else ""
            raise ExpressionError(text, at, problem, hint)
        kind = str(found.lastgroup)
        if kind != "space":
            yield _Token("word" if kind == "name" and found[0] in WORDS else kind, found[0], at)
        at = found.end()


def _unquoted(text: str) -> str:
    # Only the quote is escaped: a backslash belongs to the patterns that are written here.
    return text[1:-1].replace("''", "'").replace("\\'", "'")
