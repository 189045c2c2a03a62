"""Expectations of single rows as plain Python functions: for one row of a request what Great Expectations is for many.

Each says whether a row, given by its values, holds the expectation; the verdict is Great Expectations' own, on each
value that a column may hold. A row is `{column: value}` in the types of `scoring/inputs.py`; None and NaN are missing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from tasks.core.expectation import Expectation
from tasks.core.patterns import PatternError, pattern
from tasks.core.records import ColumnType

Row = Mapping[str, Any]
Types = Mapping[str, ColumnType]
Holds = Callable[[Row], bool]
OfValue = Callable[[Any], bool]

_PIECES = re.compile(r"\\.|\[\^?\]?(?:[^\]\\]|\\.)*\]|\((?!\?)|\$", re.DOTALL)
"""Of a pattern: what is escaped, a class, the beginning of a group that is kept, an end."""
_LIKE_TEXT = ("_lengths_", "regex", "strftime", "dateutil", "json")
_IGNORED = {
    "both_values_are_missing": all,
    "all_values_are_missing": all,
    "either_value_is_missing": any,
    "any_value_is_missing": any,
}


SAME = 1e-9
"""By how much a sum may differ from the column that it must equal, as a share of what is added (`core/quality.py`)."""


class NoPredicate(ValueError):
    """The expectation cannot be asked of a single row in bounded time; says why."""


def predicate(expectation: Expectation, types: Types) -> Holds:
    """Whether a row holds the expectation; NoPredicate when it cannot be said of columns of these types."""
    kind, given = expectation.type, expectation.arguments
    if kind.startswith("expect_column_value"):
        name = expectation.columns[0]
        if kind == "expect_column_values_to_be_null":
            return lambda row: is_missing(row.get(name))
        if kind == "expect_column_values_to_not_be_null":
            return lambda row: not is_missing(row.get(name))
        holds = _of_value(kind, given, types[name])
        return lambda row: is_missing(value := row.get(name)) or holds(value)
    return _of_several(expectation, types)


def is_missing(value: Any) -> bool:
    """Whether nothing is known."""
    return value is None or value != value


def _of_value(kind: str, given: Mapping[str, Any], type_: ColumnType) -> OfValue:
    if any(word in kind for word in _LIKE_TEXT):
        return _of_text(kind, given, type_)
    if kind == "expect_column_values_to_be_between":
        return _between(given, type_)
    members = given["value_set"] or []
    # JSON's true is 1 to a set, as it is to pandas among numbers; lists and objects are equal to no value.
    known = frozenset(_moments(members) if type_ == "date" else (one for one in members if one.__hash__ is not None))
    if kind == "expect_column_values_to_be_in_set":
        return known.__contains__
    if kind == "expect_column_values_to_not_be_in_set":
        return lambda value: value not in known
    raise NoPredicate(f"{kind} is not asked of requests")


def _between(given: Mapping[str, Any], type_: ColumnType) -> OfValue:
    low, high = (_moments([given.get(name)])[0] if type_ == "date" else given.get(name) for name in _BOUNDS)
    for bound in (low, high):
        if isinstance(bound, str) or type_ == "text":
            raise NoPredicate(f"a bound of {bound!r} says nothing of a {type_}")
    above: OfValue = (lambda value: value > low) if given.get("strict_min") else (lambda value: value >= low)
    below: OfValue = (lambda value: value < high) if given.get("strict_max") else (lambda value: value <= high)
    if low is None:
        return below
    return above if high is None else lambda value: above(value) and below(value)


_BOUNDS = ("min_value", "max_value")


def _moments(values: Sequence[Any]) -> list[Any]:
    return [datetime.fromisoformat(value) if isinstance(value, str) else value for value in values]


def _of_text(kind: str, given: Mapping[str, Any], type_: ColumnType) -> OfValue:
    """What is asked of a value's text; a number has one too, as pandas writes it."""
    if type_ not in ("text", "integer", "number"):
        raise NoPredicate(f"a {type_} has no text of its own")
    holds = _of_texts(kind, given)
    if type_ == "text":
        return holds
    if "strftime" in kind or "dateutil" in kind or "json" in kind:
        raise NoPredicate("it is asked of texts alone")
    if type_ == "integer":
        return lambda value: holds(str(int(value)) if value == value // 1 else str(float(value)))
    return lambda value: holds(str(float(value)))


def _of_texts(kind: str, given: Mapping[str, Any]) -> OfValue:
    if kind == "expect_column_value_lengths_to_equal":
        return lambda text: len(text) == given["value"]
    if "_lengths_" in kind:
        between = _between(given, "number")
        return lambda text: between(len(text))
    if "strftime" in kind:
        return lambda text: _parses(lambda: datetime.strptime(text, given["strftime_format"]))  # noqa: DTZ007
    if "dateutil" in kind:
        from dateutil.parser import parse

        return lambda text: _parses(lambda: parse(text))
    if "json_schema" in kind:
        from jsonschema.validators import validator_for

        schema = validator_for(given["json_schema"])(given["json_schema"])
        return lambda text: _parses(lambda: json.loads(text)) and bool(schema.is_valid(json.loads(text)))
    if "json" in kind:
        return lambda text: _parses(lambda: json.loads(text))
    several = given["regex_list"] if "regex_list" in given else [given["regex"]]
    searches = [_search(each) for each in several]
    if "_not_match_" in kind:
        return lambda text: not any(search(text) for search in searches)
    every = all if given.get("match_on") == "all" else any
    return lambda text: every(search(text) for search in searches)


def _parses(parse: Callable[[], Any]) -> bool:
    try:
        parse()
    except Exception:  # whatever a parser raises on a text that somebody sent: it does not parse
        return False
    return True


def _search(regex: str) -> OfValue:
    """Whether the pattern is found in a text, as Python reads it, which pandas does too, and in bounded time.

    Python tries one way after the other, so what could take long is left to Rust, which takes 0.1 ms and longer only
    with the text. Rust knows no look-around and no back-references; nothing bounds those.
    """
    import polars as pl

    rust = _PIECES.sub(_in_rust, regex)
    try:
        python = re.compile(regex)
        pl.Series([""]).str.contains(rust)
    except (re.error, pl.exceptions.ComputeError) as exc:
        raise NoPredicate(f"the pattern {regex!r} cannot be searched in bounded time") from exc
    try:
        longest = pattern(f"({_PIECES.sub(_without_group, regex)})").longest
    except PatternError:
        longest = 0

    def search(text: str) -> bool:
        if len(text) <= longest:
            return python.search(text) is not None
        return bool(pl.Series([text]).str.contains(rust)[0])

    return search


def _in_rust(piece: re.Match[str]) -> str:
    """Python's `$` also matches before the last line's end."""
    return {"$": r"(?:\n?\z)", r"\Z": r"\z"}.get(piece[0], piece[0])


def _without_group(piece: re.Match[str]) -> str:
    return "(?:" if piece[0] == "(" else piece[0]


def _of_several(expectation: Expectation, types: Types) -> Holds:
    kind, given, names = expectation.type, expectation.arguments, expectation.columns
    default = "both_values_are_missing" if "_pair_" in kind else "all_values_are_missing"
    if "sum_total" in given and isinstance(given["sum_total"], str):
        default = "either_value_is_missing"
    ignored = _IGNORED.get(str(given.get("ignore_row_if", default)), lambda _: False)
    holds = _of_values(kind, given, [types[name] for name in names])

    def judged(row: Row) -> bool:
        values = [None if is_missing(value := row.get(name)) else value for name in names]
        return ignored(value is None for value in values) or holds(values)

    return judged


def _of_values(kind: str, given: Mapping[str, Any], types: Sequence[ColumnType]) -> Callable[[list[Any]], bool]:
    if kind == "expect_column_pair_values_a_to_be_greater_than_b":
        if len({"number" if type_ in ("number", "integer", "boolean") else type_ for type_ in types}) > 1:
            raise NoPredicate(f"a {types[0]} and a {types[1]} have no order")
        if given.get("or_equal"):
            return lambda values: None not in values and values[0] >= values[1]
        return lambda values: None not in values and values[0] > values[1]
    if kind == "expect_column_pair_values_to_be_equal":
        return lambda values: None not in values and values[0] == values[1]
    if kind == "expect_column_pair_values_to_be_in_set":
        pairs = {(one, other) for one, other in given["value_pairs_set"] or ()}
        return lambda values: tuple(values) in pairs
    if kind == "expect_multicolumn_sum_to_equal":
        return _adds_up(given["sum_total"])
    if kind == "expect_multicolumn_values_to_be_equal":
        return lambda values: all(value == values[0] for value in values)
    if kind == "expect_select_column_values_to_be_unique_within_record":
        return lambda values: len(set(values)) == len(values)
    raise NoPredicate(f"{kind} is not asked of requests")


def _adds_up(total: Any) -> Callable[[list[Any]], bool]:
    if not isinstance(total, str):
        return lambda values: None not in values and sum(values) == total

    def holds(values: list[Any]) -> bool:
        *parts, whole = values
        return abs(sum(parts, 0.0) - whole) <= SAME * sum(map(abs, parts)) + SAME

    return holds
