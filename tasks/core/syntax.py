"""The text of a declared feature as a tree.

    expression  := or;  or, and, not, comparison, + -, * / %, unary minus, ^ bind tighter in this order
    primary     := number | 'text' | true | false | name | `any name` | function(expression, …) | (expression)

Operators are calls of functions named by their sign, so that types and backends are one table (core/functions).
The parser is Pratt's ("Top down operator precedence", 1973).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NoReturn

from tasks.core import dialects
from tasks.core.tokens import WORDS, ExpressionError, Token, tokens

__all__ = ["WORDS", "Call", "ExpressionError", "Literal", "Name", "Node", "names_in", "parse"]

DEEPEST = 150
"""Calls within calls, or operators after operators: each takes Python a few frames of its stack."""


@dataclass(frozen=True)
class Literal:
    """A number, a text or a truth value."""

    value: float | str | bool
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

_LEFT_BINDING = {
    **{"or": 1, "and": 2, "==": 4, "!=": 4, "<": 4, "<=": 4, ">": 4, ">=": 4},
    **{"+": 5, "-": 5, "*": 6, "/": 6, "%": 6, "^": 8},
}
_NOT, _COMPARISON, _MINUS, _POWER = 3, 4, 7, 8


@lru_cache(maxsize=1024)
def parse(text: str) -> Node:
    """The expression's tree; ExpressionError, with a caret, when the text is none."""
    return _Parser(text).whole()


def names_in(node: Node) -> set[str]:
    """The columns that the expression needs."""
    names, waiting = set[str](), [node]
    while waiting:
        each = waiting.pop()
        if isinstance(each, Name):
            names.add(each.name)
        elif isinstance(each, Call):
            waiting.extend(each.arguments)
    return names


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens(text)
        self._at = 0
        self._depth = 0

    def whole(self) -> Node:
        tree = self._expression(0)
        if self._next.kind != "end":
            self._fail(f"an operator or the end is expected before {self._next.text!r}")
        self._require_shallow(tree)
        return tree

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._next
        self._at += 1
        return token

    def _expect(self, sign: str) -> None:
        if self._next.text != sign or self._next.kind != "sign":
            self._fail(f"{sign!r} is expected")
        self._at += 1

    def _fail(self, problem: str, token: Token | None = None) -> NoReturn:
        token = token or self._next
        hint = dialects.WORDS.get(token.text.lower(), "") if token.kind in ("name", "word") else ""
        raise ExpressionError(self._text, token.at, problem, hint)

    def _expression(self, binding: int) -> Node:
        self._depth += 1
        if self._depth > DEEPEST:
            self._fail(f"an expression is nested at most {DEEPEST} deep")
        left = self._prefix()
        while (ours := self._binding()) > binding:
            operator = self._take()
            # What is raised to a power is raised first: 2 ^ 3 ^ 2 is 2 ^ 9.
            right = self._expression(ours - 1 if ours == _POWER else ours)
            left = Call(operator.text, (left, right), operator.at)
            if ours == _COMPARISON and self._binding() == _COMPARISON:
                self._fail("comparisons cannot be chained; write `a < b and b < c`")
        self._depth -= 1
        return left

    def _binding(self) -> int:
        token = self._next
        if token.text == "=" and token.kind == "sign":
            self._fail("equality is written ==")
        return _LEFT_BINDING.get(token.text, 0) if token.kind in ("sign", "word") else 0

    def _prefix(self) -> Node:
        token = self._take()
        if token.kind in ("number", "text", "truth"):
            return Literal(token.value, token.at)
        if token.kind == "quoted":
            return Name(token.text[1:-1], token.at)
        if token.kind == "name":
            return self._call(token) if self._next.text == "(" else Name(token.text, token.at)
        if token.kind == "word" and token.text == "not":
            return Call("not", (self._expression(_NOT),), token.at)
        if token.kind == "sign" and token.text == "-":
            negated = self._expression(_MINUS)
            if isinstance(negated, Literal) and type(negated.value) is float:
                return Literal(0.0 - negated.value, token.at)  # zero has no sign
            return Call("unary -", (negated,), token.at)
        if token.kind == "sign" and token.text == "(":
            inner = self._expression(0)
            self._expect(")")
            return inner
        found = repr(token.text) if token.text else "the end"
        self._fail(f"a column, number, text or function is expected, not {found}", token)

    def _call(self, name: Token) -> Call:
        self._expect("(")
        arguments: list[Node] = []
        while self._next.text != ")" or self._next.kind != "sign":
            if arguments:
                self._expect(",")
            arguments.append(self._expression(0))
        self._expect(")")
        return Call(name.text, tuple(arguments), name.at)

    def _require_shallow(self, tree: Node) -> None:
        # a + b + c is as deep as it is long, although it is parsed in a loop.
        waiting = [(tree, 1)]
        while waiting:
            node, depth = waiting.pop()
            if depth > DEEPEST:
                raise ExpressionError(self._text, node.at, f"an expression is nested at most {DEEPEST} deep")
            if isinstance(node, Call):
                waiting.extend((argument, depth + 1) for argument in node.arguments)
