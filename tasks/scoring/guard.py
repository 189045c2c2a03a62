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

from tasks.core.expectation import Expectation
from tasks.core.records import Claim, Column, ColumnType
from tasks.scoring.predicates import Holds, NoPredicate, Types, is_missing, predicate
from tasks.scoring.sure import surely_holds

if TYPE_CHECKING:
    import polars as pl

NUMBER, DOUBTFUL = "__number__", "__doubtful__"
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
        types = self._types = _types(columns)
        rules = [(claim.severity, _rule(claim, types)) for claim in claims]
        self.rejecting = [rule for severity, rule in rules if severity != "warn"]
        self.warning = [rule for severity, rule in rules if severity == "warn"]

    def __bool__(self) -> bool:
        return bool(self.rejecting or self.warning)

    def broken(self, row: Mapping[str, Any]) -> Rule | None:
        """The first rule because of which the row has no answer."""
        return next((rule for rule in self.rejecting if rule.is_broken(row)), None)

    def warnings(self, row: Mapping[str, Any]) -> list[str]:
        """What is told of a row that is answered all the same."""
        return [rule.told(row) for rule in self.warning if rule.is_broken(row)]

    def first_broken(self, frame: pl.DataFrame) -> tuple[int, Rule, dict[str, Any]] | None:
        """The first row of typed columns that has no answer: its number, because of which rule, and its values."""
        return next(((number, rules[0], row) for number, row, rules in self._broken(frame, self.rejecting)), None)

    def all_warnings(self, frame: pl.DataFrame) -> list[list[str]]:
        """What is told of each row of typed columns."""
        told: list[list[str]] = [[] for _ in range(frame.height)]
        for number, row, rules in self._broken(frame, self.warning):
            told[number] = [rule.told(row) for rule in rules]
        return told

    def problems(self, frame: pl.DataFrame, warned: Counter[str]) -> pl.Series:
        """For each row of typed columns why it has no answer, null where it has; warnings are counted by claim."""
        import polars as pl

        found: list[str | None] = [None] * frame.height
        for number, row, rules in self._broken(frame, self.rejecting):
            found[number] = "; ".join(rule.told(row) for rule in rules)
        for _, _, rules in self._broken(frame, self.warning):
            warned.update(rule.expectation.claim for rule in rules)
        return pl.Series(found, dtype=pl.String)

    def _broken(self, frame: pl.DataFrame, rules: list[Rule]) -> Iterator[tuple[int, dict[str, Any], list[Rule]]]:
        """The rows that break some of the rules: their numbers, what the rules speak of, and which they break."""
        import polars as pl

        sure = {
            place: holds
            for place, rule in enumerate(rules)
            if frame.schema.keys() >= set(rule.expectation.columns)
            and (holds := surely_holds(rule.expectation, self._types)) is not None
        }
        unsure = [rule for place, rule in enumerate(rules) if place not in sure]
        names = {name for rule in rules for name in rule.expectation.columns}
        doubtful = ~pl.all_horizontal(sure.values()).fill_null(value=False) if sure else pl.lit(value=False)
        known = frame.with_row_index(NUMBER).with_columns(doubtful.alias(DOUBTFUL))
        known = known.select(NUMBER, DOUBTFUL, *(name for name in frame.columns if name in names))
        if not unsure:
            known = known.filter(DOUBTFUL)
        # A rule compares moments, and Python no day with a moment.
        known = known.with_columns(pl.selectors.date().cast(pl.Datetime("us")))
        for row in known.iter_rows(named=True):
            number, asked = row.pop(NUMBER), rules if row.pop(DOUBTFUL) else unsure
            if broken := [rule for rule in asked if rule.is_broken(row)]:
                yield number, row, broken


def asked_of(claims: Sequence[Claim], columns: Sequence[Column]) -> tuple[Claim, ...]:
    """The claims that can be asked of rows of these columns, in bounded time."""
    types = _types(columns)
    return tuple(claim for claim in claims if _can_be_asked(claim, types))


def _can_be_asked(claim: Claim, types: Types) -> bool:
    if not types.keys() >= set(_expectation(claim).columns):
        return False
    try:
        _rule(claim, types)
    except NoPredicate:
        return False
    return True


def _expectation(claim: Claim) -> Expectation:
    return Expectation(type=claim.type, arguments=claim.arguments, severity=claim.severity, reason=claim.reason)


def _rule(claim: Claim, types: Types) -> Rule:
    expectation = _expectation(claim)
    asks_for_it = claim.type == "expect_column_values_to_not_be_null" or "ignore_row_if" in claim.arguments
    return Rule(expectation, predicate(expectation, types), skips_missing=not asks_for_it)


def _types(columns: Sequence[Column]) -> dict[str, ColumnType]:
    return {column.name: column.type for column in columns}


def _shown(value: Any) -> str:
    if is_missing(value):
        return "nothing"
    if isinstance(value, bytes):
        return "bytes"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
