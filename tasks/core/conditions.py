"""Conditions on rows in pandas' own form, as Great Expectations passes them on: `` `wind`.diff() == 0 ``.

Of what pandas would evaluate only what compares columns and the rows around is allowed: a method such as `to_csv`
would write a file. Columns stand in backticks, so that they can be read off whatever their names are.
"""

from __future__ import annotations

import re

_COLUMN = re.compile(r"`([^`]+)`")
_WORD = re.compile(r"[^\W\d]\w*")
_TEXT = re.compile(r"'[^'\\@]*'|\"[^\"\\@]*\"")
METHODS = ("abs", "diff", "ffill", "isnull", "max", "min", "notnull", "rolling", "shift")
_WORDS = frozenset({*METHODS, "and", "or", "not", "in", "True", "False"})


def columns_of(condition: str) -> tuple[str, ...]:
    """The columns that the condition names, in order."""
    return tuple(dict.fromkeys(_COLUMN.findall(condition)))


def check_condition(condition: object) -> None:
    """ValueError for a condition that names no column, or holds more than comparisons of columns."""
    if not isinstance(condition, str) or not columns_of(condition):
        raise ValueError(f"row_condition: expected a condition with its columns in backticks, found {condition!r}")
    rest = _TEXT.sub(" ", _COLUMN.sub(" ", condition))
    odd = [word for word in _WORD.findall(rest) if word not in _WORDS] + re.findall(r"[@`'\"\\\[\]{};]|__", rest)
    if odd:
        raise ValueError(
            f"row_condition: expected comparisons, and, or, not and {', '.join(METHODS)}, found {odd[0]!r}"
        )


def quoted(column: str) -> str | None:
    """The column as a condition names it; None for a name that cannot stand in one."""
    return f"`{column}`" if column.isprintable() and "`" not in column and column else None
