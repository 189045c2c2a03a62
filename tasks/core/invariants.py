"""What must always be true of splits, whatever expectations.yaml says: the errors that make every figure a lie."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tasks.core import store
from tasks.core.expectations import PreparedExpectations
from tasks.core.records import Dataset, FailedExpectation, Severity, Splits

if TYPE_CHECKING:
    import polars as pl

PARTS = ("train", "validation", "test")
TOLERANCE = 0.1
"""By how much a split's share of the rows may be off: groups and months are not torn apart to meet it."""
N_EXAMPLES = 5

Invariant = Iterator[FailedExpectation | None]
"""One for each thing that was examined: None when it holds."""


def examined(splits: Splits, part: str, expectations: PreparedExpectations) -> list[FailedExpectation | None]:
    """What was examined of one split, alone and against those before it; None for each that holds."""
    rows: Dataset = getattr(splits, part)
    if not rows.n_rows:
        return [_failed("has_rows", None, 0, ("no row",), f"the {part} split has rows", "stop")]
    earlier = PARTS[: PARTS.index(part)]
    results = [None, *_target(splits, part, rows), *_share(splits, part, rows, expectations)]
    for other in earlier:
        results += [*_disjoint(part, rows, other, getattr(splits, other))]
        if splits.time_column is not None:
            results += [*_later(part, rows, other, getattr(splits, other), splits.time_column)]
    if part == "train":
        results += [*_features(splits, rows)]
    return results


def _target(splits: Splits, part: str, rows: Dataset) -> Invariant:
    import polars as pl

    target = splits.target.name
    missing = _missing(rows, [target])[0]
    yield (
        _failed(
            "target_present", target, missing, (f"{missing:,} rows without it",), "every row has its target", "stop"
        )
        if missing
        else None
    )
    if splits.target.classes:
        values = store.scan(rows).select(pl.col(target).cast(pl.String).unique().drop_nulls()).collect().to_series()
        absent = tuple(name for name in splits.target.classes if name not in set(values))
        unknown = tuple(sorted(set(values) - set(splits.target.classes)))
        # A class that was never seen cannot be predicted; one that is not judged is only a pity.
        severity: Severity = "stop" if part == "train" else "warn"
        reason = f"every class is among the {part} rows"
        found = tuple(f"no {name!r}" for name in absent[:N_EXAMPLES])
        yield _failed("classes_present", target, len(absent), found, reason, severity) if absent else None
        found = unknown[:N_EXAMPLES]
        reason = "the target's values are its classes"
        yield _failed("classes_known", target, len(unknown), found, reason, "stop") if unknown else None


def _share(splits: Splits, part: str, rows: Dataset, expectations: PreparedExpectations) -> Invariant:
    asked = {"validation": expectations.validation_share, "test": expectations.test_share}.get(part)
    if asked is not None:
        share = rows.n_rows / sum(getattr(splits, each).n_rows for each in PARTS)
        reason = f"the {part} split has about {asked:.0%} of the rows"
        off = abs(share - asked) > TOLERANCE
        yield _failed("share_as_asked", None, rows.n_rows, (f"{share:.1%}",), reason, "warn") if off else None


def _disjoint(part: str, rows: Dataset, other: str, others: Dataset) -> Invariant:
    import polars as pl

    ours, theirs = (store.scan(each).select(pl.col("__row__").unique()) for each in (rows, others))
    shared = ours.join(theirs, on="__row__", how="semi").collect(engine="streaming").to_series().sort()
    reason = f"no row of {part} is a row of {other}"
    examples = tuple(f"row {row:#x}" for row in shared.head(N_EXAMPLES))
    yield _failed(f"disjoint_from_{other}", "__row__", len(shared), examples, reason, "stop") if len(shared) else None


def _later(part: str, rows: Dataset, other: str, others: Dataset, column: str) -> Invariant:
    import polars as pl

    first = store.scan(rows).select(pl.col(column).min()).collect().item()
    last = store.scan(others).select(pl.col(column).max()).collect().item()
    wrong = first is None or last is None or first <= last
    reason = f"every {part} row is later than the last {other} row ({last})"
    yield _failed(f"later_than_{other}", column, 1, (f"{first}",), reason, "stop") if wrong else None


def _features(splits: Splits, rows: Dataset) -> Invariant:
    names = [feature.name for feature in splits.features]
    empty = [name for name, n_missing in zip(names, _missing(rows, names), strict=True) if n_missing == rows.n_rows]
    for name in empty:
        yield _failed("feature_present", name, rows.n_rows, ("all missing",), "a feature has values", "stop")
    yield from [None] * (len(names) - len(empty))


def _missing(rows: Dataset, names: list[str]) -> list[int]:
    """How many values the model would see as missing, for each column: null, NaN, infinite or an empty text."""
    import polars as pl

    scan = store.scan(rows)
    schema = scan.collect_schema()

    def missing(name: str) -> pl.Expr:
        column = pl.col(name)
        if schema[name].is_float():
            return (column.is_null() | ~column.is_finite()).sum()
        if schema[name] == pl.String:
            return (column.is_null() | (column == "")).sum()
        return column.null_count()

    counted = scan.select(missing(name).alias(str(index)) for index, name in enumerate(names))
    return list(counted.collect(engine="streaming").row(0)) if names else []


def _failed(
    name: str, column: str | None, n_rows: int, examples: tuple[str, ...], reason: str, severity: Severity
) -> FailedExpectation:
    return FailedExpectation(
        expectation=name, column=column, n_rows=n_rows, examples=examples, reason=reason, severity=severity
    )
