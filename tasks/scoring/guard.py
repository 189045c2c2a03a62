"""The expectations that a model's card carries, asked of each row before the model is.

A row that breaks one of severity `reject` has no answer. A value that is missing breaks none but
`expect_column_values_to_not_be_null`, and a rule between columns that says itself what becomes of missing values: the
model was trained to take it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tasks.core.expectations import Expectation
from tasks.core.records import Claim, Column, ColumnType
from tasks.scoring.predicates import Holds, NoPredicate, is_missing, predicate

if TYPE_CHECKING:
    import polars as pl

LONGEST = 60
"""Characters of a text that a reason shows."""


@dataclass(frozen=True)
class Rule:
    """One expectation, ready to be asked."""

    expectation: Expectation
    holds: Holds
    skips_missing: bool

    def is_broken(self, row: Mapping[str, Any]) -> bool:
        """Whether the row breaks it."""
        if self.holds(row):
            return False
        return not (self.skips_missing and any(is_missing(row.get(name)) for name in self.expectation.columns))

    def told(self, row: Mapping[str, Any]) -> str:
        """What it expected and what the row holds instead."""
        shown = [_shown(row.get(name)) for name in self.expectation.columns]
        named = zip(self.expectation.columns, shown, strict=True)
        found = shown[0] if len(shown) == 1 else ", ".join(f"{name} {value}" for name, value in named)
        return f"{self.expectation.claim}, found {found}"


class Guard:
    """All expectations of a card; falsy when there are none."""

    def __init__(self, claims: Sequence[Claim], columns: Sequence[Column]) -> None:
        types: dict[str, ColumnType] = {column.name: column.type for column in columns}
        rules = [(claim.severity, _rule(claim, types)) for claim in claims]
        self.rejecting = [rule for severity, rule in rules if severity != "warn"]
        self.warning = [rule for severity, rule in rules if severity == "warn"]

    def __bool__(self) -> bool:
        return bool(self.rejecting or self.warning)

    def broken(self, row: Mapping[str, Any]) -> Rule | None:
        """The first rule because of which the row has no answer."""
        for rule in self.rejecting:
            if rule.is_broken(row):
                return rule
        return None

    def warnings(self, row: Mapping[str, Any]) -> list[str]:
        """What is told of a row that is answered all the same."""
        return [rule.told(row) for rule in self.warning if rule.is_broken(row)]

    def first_broken(self, frame: pl.DataFrame) -> tuple[int, Rule, dict[str, Any]] | None:
        """The first row of typed columns that has no answer: its number, because of which rule, and its values."""
        if not self.rejecting:
            return None
        for number, row in enumerate(_rows(frame, _names(self.rejecting))):
            if (rule := self.broken(row)) is not None:
                return number, rule, row
        return None

    def all_warnings(self, frame: pl.DataFrame) -> list[list[str]]:
        """What is told of each row of typed columns."""
        return [self.warnings(row) for row in _rows(frame, _names(self.warning))]

    def problems(self, frame: pl.DataFrame, warned: Counter[str]) -> pl.Series:
        """For each row of typed columns why it has no answer, null where it has; warnings are counted by claim."""
        import polars as pl

        found: list[str | None] = []
        for row in _rows(frame, _names([*self.rejecting, *self.warning])):
            found.append("; ".join(rule.told(row) for rule in self.rejecting if rule.is_broken(row)) or None)
            warned.update(rule.expectation.claim for rule in self.warning if rule.is_broken(row))
        return pl.Series(found, dtype=pl.String)


def asked_of(claims: Sequence[Claim], columns: Sequence[Column]) -> tuple[Claim, ...]:
    """The claims that can be asked of rows of these columns, in bounded time."""
    types: dict[str, ColumnType] = {column.name: column.type for column in columns}
    return tuple(claim for claim in claims if _can_be_asked(claim, types))


def _can_be_asked(claim: Claim, types: Mapping[str, ColumnType]) -> bool:
    if not types.keys() >= set(_expectation(claim).columns):
        return False
    try:
        _rule(claim, types)
    except NoPredicate:
        return False
    return True


def _expectation(claim: Claim) -> Expectation:
    return Expectation(type=claim.type, arguments=claim.arguments, severity=claim.severity, reason=claim.reason)


def _rule(claim: Claim, types: Mapping[str, ColumnType]) -> Rule:
    expectation = _expectation(claim)
    asks_for_it = claim.type == "expect_column_values_to_not_be_null" or "ignore_row_if" in claim.arguments
    return Rule(expectation, predicate(expectation, types), skips_missing=not asks_for_it)


def _names(rules: Sequence[Rule]) -> set[str]:
    return {name for rule in rules for name in rule.expectation.columns}


def _rows(frame: pl.DataFrame, names: set[str]) -> Iterator[dict[str, Any]]:
    known = frame.select(name for name in frame.columns if name in names)
    yield from known.iter_rows(named=True) if known.width else ({} for _ in range(frame.height))


def _shown(value: Any) -> str:
    if is_missing(value):
        return "nothing"
    if isinstance(value, bytes):
        return "bytes"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
