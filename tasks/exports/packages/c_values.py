"""Values as C writes them: doubles to their last bit, texts as bytes of UTF-8."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np


class NotInC(Exception):
    """The node has no statements."""


class Tensor(NamedTuple):
    """An array in C: its name, type and length."""

    name: str
    type: str
    size: int


def literal(value: Any) -> str:
    """A number or a text."""
    if isinstance(value, (str, bytes)):
        data = value.encode() if isinstance(value, str) else value
        # In octal, which ends after three digits: a letter behind a hexadecimal code would be taken for a part of it.
        plain = (chr(each) if each < 128 and chr(each).isalnum() else f"\\{each:03o}" for each in data)
        return f'"{"".join(plain)}"'
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    number = float(value)
    if np.isnan(number):
        return "NAN"
    return ("-" if number < 0 else "") + "INFINITY" if np.isinf(number) else repr(number)


def array(name: str, kind: str, values: Iterable[Any]) -> str:
    """A constant array of that C type."""
    made = [literal(value) for value in values]
    const = "" if kind.endswith("*") else "const "
    return f"static {const}{kind} {'const ' if not const else ''}{name}[{len(made)}] = {{{', '.join(made)}}};"


def identifier(name: str, taken: Iterable[str]) -> str:
    """A name that C takes, unlike those taken."""
    made = re.sub(r"[^0-9A-Za-z_]+", "_", name).strip("_") or "column"
    made = f"column_{made}" if made[0].isdigit() or made in KEYWORDS else made
    found, number, before = made, 2, set(taken)
    while found in before:
        found, number = f"{made}_{number}", number + 1
    return found


KEYWORDS = frozenset(
    [
        "auto",
        "break",
        "case",
        "char",
        "const",
        "continue",
        "default",
        "do",
        "double",
        "else",
        "enum",
        "extern",
        "float",
        "for",
        "goto",
        "if",
        "inline",
        "int",
        "long",
        "register",
        "restrict",
        "return",
        "short",
        "signed",
        "sizeof",
        "static",
        "struct",
        "switch",
        "typedef",
        "union",
        "unsigned",
        "void",
        "volatile",
        "while",
        "bool",
        "true",
        "false",
        "class",
        "new",
        "delete",
        "this",
        "template",
        "private",
        "public",
        "protected",
        "operator",
        "namespace",
        "using",
        "try",
        "catch",
    ]
)
"""Of C, and of C++, whose compilers are given such headers too."""
