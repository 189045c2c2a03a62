"""What sound numbers seldom are, so that more of it is a mistake: stand-ins for missing ones, round, or stuck."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tasks.core.conditions import quoted
from tasks.profiling.claims import Claim, claim
from tasks.profiling.figures import ColumnFigures
from tasks.profiling.tolerance import TOLD, Tolerance

NOT_IN_SET = "expect_column_values_to_not_be_in_set"
STAND_INS = (0, -1, -9, -99, -999, -9999, 99, 999, 9999)
"""Numbers that often stand for a missing one."""


def stand_ins(one: ColumnFigures, low: float, high: float, tolerance: Tolerance) -> Iterator[Claim]:
    """That what may stand for a missing value, and is possible, stays as rare: a gap filled with zeros is told."""
    possible = [value for value in STAND_INS if low <= value <= high]
    counts = dict(one.common)
    if one.distinct > len(counts) and not all(value in counts for value in possible):
        least = min(counts.values(), default=0)  # what is not among the commonest is at most as common as they are
    else:
        least = 0
    several = [(value, counts.get(value, least)) for value in possible]
    rare = [(value, n_rows) for value, n_rows in several if n_rows <= one.n_looked / 10]
    n_rows = sum(n_rows for _, n_rows in rare)
    if rare and one.n_looked >= 30:
        yield claim(
            NOT_IN_SET,
            f"at most {n_rows:,} of {one.n_looked:,} values are such",
            column=one.name,
            value_set=[value for value, _ in rare],
            mostly=tolerance.mostly(n_rows, one.n_looked),
            severity="warn",
        )


def rounded(one: ColumnFigures, tolerance: Tolerance) -> Iterator[Claim]:
    """That numbers of one digit stay as rare: values that were rounded are told."""
    k, n = one.n_round, one.n_looked
    if one.rounds and one.distinct > 2 * len(one.rounds) and tolerance.tells(k, n, 1 - k / n):
        yield claim(
            NOT_IN_SET,
            f"{k or 'none'} of {n:,} values are as round",
            column=one.name,
            value_set=[int(value) if value == round(value) else value for value in one.rounds],
            mostly=tolerance.mostly(k, n),
            severity="warn",
        )


def stuck(one: ColumnFigures, tolerance: Tolerance) -> Iterator[Claim]:
    """That so many equal values in a row stay as rare, of the length that tells soonest: a stuck sensor is told."""
    column = quoted(one.name)
    if column is None or one.order or not one.runs:
        return
    most = {
        each: math.ceil(each.together * tolerance.at_most(round(each.n_rows / each.together), one.n))
        for each in one.runs
    }
    best = min(most, key=lambda each: most[each] - each.n_rows + each.length)
    if best.n_rows + TOLD * one.n - best.length <= most[best]:
        return
    values = f"{column}.ffill()" if one.n_missing else column
    window = f"{values}.rolling({best.length})"
    yield claim(
        "expect_table_row_count_to_be_between",
        f"{best.n_rows or 'none'} of {one.n:,} rows end {best.length} equal values",
        max_value=most[best],
        row_condition=f"{window}.max() == {window}.min()",
        severity="warn",
    )
