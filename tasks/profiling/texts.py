"""What may be expected of a column of texts, codes or truth values."""

from __future__ import annotations

from collections.abc import Iterator

from tasks.profiling.claims import Claim, claim
from tasks.profiling.figures import ColumnFigures
from tasks.profiling.numbers import commonest
from tasks.profiling.tolerance import Tolerance, outward

LARGEST_SET = 50
"""Values of a set that a person still reads."""
CERTAIN = 10
"""A set whose every value came so often is complete: one that is as common would be unseen once in e^10 times."""
FEW = 12
"""Different whole numbers that are rather codes than quantities."""


def closed_set(one: ColumnFigures, tolerance: Tolerance, target: bool) -> Iterator[Claim]:
    """The values that there are, when others are all but impossible; `mostly` where they are only rare.

    The share of rows with a value that nobody saw is about the share of values seen once (Good, 1953).
    """
    known = [value for value, _ in one.common]
    is_set = one.counted and 0 < one.distinct == len(known)
    if (
        not is_set
        or one.distinct > (FEW if one.type == "integer" else LARGEST_SET)
        or one.type
        not in (
            "text",
            "integer",
            "boolean",
        )
    ):
        return
    if one.distinct > one.n_present / 5:
        return
    certain = one.rarest >= CERTAIN or one.type == "boolean"
    if one.type == "integer" and not certain:
        return
    # A model takes a category that it never saw, so of the texts only the target's must be known.
    strict = certain and (target or one.type != "text")
    values = sorted(known, key=lambda value: (str(type(value)), value))
    rest = f", {one.once} of them once" if one.once else ""
    yield claim(
        "expect_column_values_to_be_in_set",
        f"{one.distinct} values in {one.n_present:,} rows{rest}",
        column=one.name,
        value_set=values,
        mostly=1.0 if strict else tolerance.mostly(one.once, one.n_present),
        severity=None if strict else "warn",
    )


def of_texts(one: ColumnFigures, tolerance: Tolerance) -> Iterator[Claim]:
    """Lengths, patterns and signs of damage of texts that are no set."""
    if one.lengths is None:
        return
    low, high = one.lengths.low, one.lengths.high
    least = low.seen if low.limit == low.seen else min(low.seen, max(1.0, outward(low.limit, False, whole=True)))
    most = high.seen if high.limit == high.seen else outward(high.limit, True, 2, whole=True)
    yield claim(
        "expect_column_value_lengths_to_be_between",
        f"{low.seen:.0f} to {high.seen:.0f} characters in {one.n_present:,} texts",
        column=one.name,
        min_value=int(least),
        max_value=int(most),
    )
    yield from _usual_lengths(one, tolerance)
    for shape in one.shapes:
        mostly = tolerance.mostly(shape.n - shape.n_rows, shape.n)
        yield claim(
            "expect_column_values_to_match_regex",
            f"{shape.words}, in {shape.n_rows:,} of {shape.n:,} texts",
            column=one.name,
            regex=shape.regex,
            mostly=mostly,
            severity="warn",
        )
    yield from _undamaged(one, tolerance)
    yield from commonest(one, tolerance)


def _undamaged(one: ColumnFigures, tolerance: Tolerance) -> Iterator[Claim]:
    """One line for all signs of damage that no text has, one for each that some have."""
    unseen = [sign for sign in one.absent if sign.n and not sign.n_rows]
    if unseen:
        yield claim(
            "expect_column_values_to_not_match_regex_list",
            f"{', '.join(sign.words for sign in unseen)}: in none of {unseen[0].n:,} texts",
            column=one.name,
            regex_list=[sign.regex for sign in unseen],
            mostly=tolerance.mostly(0, unseen[0].n),
            severity="warn",
        )
    for sign in one.absent:
        if 0 < sign.n_rows <= sign.n / 10:
            yield claim(
                "expect_column_values_to_not_match_regex",
                f"{sign.words}, in {sign.n_rows:,} of {sign.n:,} texts",
                column=one.name,
                regex=sign.regex,
                mostly=tolerance.mostly(sign.n_rows, sign.n),
                severity="warn",
            )


def _usual_lengths(one: ColumnFigures, tolerance: Tolerance) -> Iterator[Claim]:
    """That the shortest tenth stays a tenth: texts that are cut off make more short ones."""
    assert one.lengths is not None
    if len(one.lengths.edges) < 5:
        return
    edge, share, n = one.lengths.edges[0], one.lengths.weights[0], one.lengths.n_weighed
    yield claim(
        "expect_column_value_lengths_to_be_between",
        f"{share:.1%} of {n:,} texts are shorter",
        column=one.name,
        min_value=int(edge),
        mostly=tolerance.mostly(round(share * n), n),
        severity="warn",
    )
