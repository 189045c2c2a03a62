"""From a table's figures to the claims about tables of its kind: raw rows, prepared rows, and single requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tasks.core.records import BYTES, Target, is_provenance
from tasks.profiling.claims import Claim, claim
from tasks.profiling.figures import ColumnFigures, Relation, TableFigures
from tasks.profiling.keys import KEY
from tasks.profiling.numbers import of_moments, of_numbers, of_requests
from tasks.profiling.orders import GREATER
from tasks.profiling.relations import EQUAL, PAIRS
from tasks.profiling.texts import closed_set, of_texts
from tasks.profiling.tolerance import Tolerance, outward

MUCH_MORE = 10
"""A table may grow; ten times as many rows are rather a join that went wrong."""

UNSEEN = 0.001
"""What a value that nobody saw is reckoned to weigh, or one row of it would be infinitely far away."""


def claims(table: TableFigures, target: str | None) -> tuple[Claim, ...]:
    """What may be expected of rows of this kind, in the order of the columns; requests have no target."""
    tolerance = Tolerance.of(len(table.columns))
    found = [*_rows(table)]
    for one in table.columns:
        if not is_provenance(one.name):
            found += _column(one, tolerance, one.name == target)
    for relation in table.relations:
        found += _relation(relation, tolerance)
    for one in table.columns:
        if one.name != target and not is_provenance(one.name):
            found += of_requests(one)
    # Of a handful of rows nothing can be said of others.
    return tuple(one for one in found if one.arguments.get("mostly", 1) != 0)


def prepared_claims(declared: Sequence[ColumnFigures], target: Target, n_rows: int) -> tuple[Claim, ...]:
    """What is certain of training, validation and test rows: no other class, and declared features with values.

    `n_rows` is the number of rows of the smallest of them.
    """
    found: list[Claim] = []
    if target.classes and len(target.classes) <= 50:
        found.append(
            claim(
                "expect_column_distinct_values_to_be_in_set",
                f"{len(target.classes)} classes",
                column=target.name,
                value_set=list(target.classes),
            )
        )
    tolerance = Tolerance.of(3 * max(len(declared), 1))
    for one in declared:
        share = one.n_missing / max(one.n, 1)
        if share < 0.5:
            found.append(
                claim(
                    "expect_column_values_to_not_be_null",
                    f"{one.n_missing or 'none'} of {one.n:,} missing",
                    column=one.name,
                    mostly=tolerance.mostly(round(share * n_rows), n_rows),
                    severity="warn",
                )
            )
    some = (one for one in found if one.arguments.get("mostly", 1) != 0)
    return tuple(one.model_copy(update={"section": "prepared"}) for one in some)


def _rows(table: TableFigures) -> Iterator[Claim]:
    yield claim(
        "expect_table_row_count_to_be_between",
        f"{table.n_rows:,} rows",
        min_value=max(1, table.n_rows // 2),
        max_value=MUCH_MORE * table.n_rows,
    )


def _column(one: ColumnFigures, tolerance: Tolerance, target: bool) -> Iterator[Claim]:
    name, n = one.name, one.n
    yield claim("expect_column_type_to_be", f"{one.n_present:,} values", column=name, type_=one.type)
    if one.n_missing < n:
        yield claim(
            "expect_column_values_to_not_be_null",
            f"{f'{one.n_missing:,}' if one.n_missing else 'none'} of {n:,} missing",
            column=name,
            # A row without its target teaches nothing, so it can go by itself.
            mostly=1.0 if target and not one.n_missing else tolerance.mostly(one.n_missing, n),
            severity=None if target and not one.n_missing else "warn",
        )
    if one.type in BYTES or not one.n_present:
        return
    values = list(closed_set(one, tolerance, target))
    yield from values
    if one.counts_rows:
        pass  # What is in order and never twice is all that can be said of it.
    elif one.type in ("number", "integer"):
        yield from of_numbers(one, tolerance, bool(values))
    elif one.type == "date":
        yield from of_moments(one)
    elif not values:
        yield from of_texts(one, tolerance)
    if values and one.type != "integer":
        yield from _shares(one, tolerance)
    yield from _unique(one, tolerance)


def _shares(one: ColumnFigures, tolerance: Tolerance) -> Iterator[Claim]:
    """The distribution of a complete set."""
    if one.distinct < 2 or one.rarest < 10 or one.distinct > 12 or one.type == "boolean":
        return
    shares = {str(value): n_rows / one.n_present for value, n_rows in one.common}
    yield claim(
        "expect_column_kl_divergence_to_be_less_than",
        f"shares of {one.n_present:,} rows, {one.common[0][0]!r} the commonest",
        column=one.name,
        partition_object={"values": list(shares), "weights": _whole(list(shares.values()))},
        threshold=outward(tolerance.divergence(one.distinct, one.n_present), True, 2),
        tail_weight_holdout=UNSEEN,
        severity="warn",
    )


def _whole(shares: list[float]) -> list[float]:
    """The shares rounded, and still one together."""
    first, *others = (round(share, 4) for share in shares)
    del first
    return [round(1 - sum(others), 4), *others]


def _unique(one: ColumnFigures, tolerance: Tolerance) -> Iterator[Claim]:
    """A key has no value twice; what is nearly always another stays so."""
    if one.n_repeated is None or one.n_present < 20 or one.type not in ("text", "integer", "date", "number"):
        return
    if one.order:
        yield claim(
            "expect_column_values_to_be_increasing",
            f"{one.n_present:,} values in order",
            column=one.name,
            severity="warn",
        )
    spaced = any(" " in str(value) for value, _ in one.common)
    if one.n_repeated == 0 and (one.type != "number" or one.counts_rows) and not spaced:
        yield claim("expect_column_values_to_be_unique", f"{one.n_present:,} different values", column=one.name)
    elif one.n_repeated <= one.n_present / 5:
        yield claim(
            "expect_column_values_to_be_unique",
            f"{one.n_repeated or 'none'} of {one.n_present:,} values repeated",
            column=one.name,
            mostly=tolerance.unrepeated(one.n_repeated, one.n_present),
            severity="warn",
        )


def _relation(relation: Relation, tolerance: Tolerance) -> Iterator[Claim]:
    a, *others = relation.columns
    # What chance would break often and no row did is a rule, so that any row that breaks it is told.
    mostly = tolerance.mostly(relation.n_rows, relation.n) if relation.n_rows else 1.0
    chance = f"{relation.n_rows or 'none'} of {relation.n:,} rows break it, by chance {relation.by_chance:.0%} would"
    both = "either_value_is_missing"
    if relation.usual and not tolerance.tells(relation.n_rows, relation.n, 1 - 2 * relation.n_rows / relation.n):
        return
    if relation.kind == GREATER:
        pair = {"column_A": a, "column_B": others[0], "or_equal": True if relation.or_equal else None}
        yield claim(GREATER, chance, **pair, ignore_row_if=both, mostly=mostly, severity="warn")
    elif relation.kind == EQUAL:
        yield claim(EQUAL, chance, column_A=a, column_B=others[0], ignore_row_if=both, mostly=mostly, severity="warn")
    elif relation.kind == PAIRS:
        yield claim(
            PAIRS,
            f"{len(relation.pairs)} pairs in {relation.n:,} rows; by chance {relation.by_chance:.0%} would be others",
            column_A=a,
            column_B=others[0],
            value_pairs_set=[list(pair) for pair in relation.pairs],
            ignore_row_if=both,
            mostly=mostly,
            severity="warn",
        )
    elif relation.kind == KEY:
        repeated = f"{relation.n_rows or 'none'} of {relation.n:,} rows repeated"
        if relation.n_rows > relation.n / 2:
            return
        # Whole rows that come twice are dropped by `prepare`; what matters is that they do not become many.
        exact = relation.n_rows == 0 and relation.by_chance < 1
        yield claim(
            KEY,
            repeated,
            column_list=list(relation.columns),
            ignore_row_if="never",
            mostly=1.0 if exact else tolerance.unrepeated(relation.n_rows, relation.n),
            severity=None if exact else "warn",
        )
    else:
        total = relation.total if isinstance(relation.total, str) else float(relation.total or 0)
        yield claim(
            relation.kind,
            f"{relation.n_rows or 'none'} of {relation.n:,} rows break it",
            column_list=list(relation.columns),
            sum_total=total,
            ignore_row_if="any_value_is_missing",
            mostly=mostly,
            severity="warn",
        )
