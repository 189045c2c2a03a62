"""What must always be true of splits, whatever expectations.yaml says: the errors that make every figure a lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.core import crossing, store
from tasks.core.crossing import N_EXAMPLES, Invariant, failed
from tasks.core.expectations import PreparedExpectations
from tasks.core.records import Dataset, FailedExpectation, Severity, Splits
from tasks.core.splits import PARTS

if TYPE_CHECKING:
    import polars as pl

TOLERANCE = 0.1
"""By how much a split's share of the rows may be off: groups and months are not torn apart to meet it."""


def examined(splits: Splits, part: str, expectations: PreparedExpectations) -> list[FailedExpectation | str]:
    """What was examined of one split, alone and against those before it; a sentence for each that holds."""
    rows: Dataset = getattr(splits, part)
    if not rows.n_rows:
        return [failed("has_rows", None, 0, ("no row",), f"the {part} split has rows", "stop")]
    earlier = PARTS[: PARTS.index(part)]
    results = [f"the {part} split has rows: {rows.n_rows:,}", *_target(splits, part, rows)]
    results += [*_share(splits, part, rows, expectations)]
    for other in earlier:
        results += [*crossing.between(splits, part, other)]
    if part == "train":
        results += [*_features(splits, rows), *crossing.of_folds(splits)]
    return results


def _target(splits: Splits, part: str, rows: Dataset) -> Invariant:
    import polars as pl

    target = splits.target.name
    missing = _missing(rows, [target])[0]
    if missing:
        found = (f"{missing:,} rows without it",)
        yield failed("target_present", target, missing, found, "every row has its target", "stop")
    else:
        yield f"every row has its target: all of {rows.n_rows:,}"
    if splits.target.classes:
        values = store.scan(rows).select(pl.col(target).cast(pl.String).unique().drop_nulls()).collect().to_series()
        absent = tuple(name for name in splits.target.classes if name not in set(values))
        unknown = tuple(sorted(set(values) - set(splits.target.classes)))
        # A class that was never seen cannot be predicted; one that is not judged is only a pity.
        severity: Severity = "stop" if part == "train" else "warn"
        reason = f"every class is among the {part} rows"
        found = tuple(f"no {name!r}" for name in absent[:N_EXAMPLES])
        told = f"{reason}: {len(splits.target.classes)} of {len(splits.target.classes)}"
        yield failed("classes_present", target, len(absent), found, reason, severity) if absent else told
        found = unknown[:N_EXAMPLES]
        reason = "the target's values are its classes"
        yield failed("classes_known", target, len(unknown), found, reason, "stop") if unknown else reason


def _share(splits: Splits, part: str, rows: Dataset, expectations: PreparedExpectations) -> Invariant:
    asked = {"validation": expectations.validation_share, "test": expectations.test_share}.get(part)
    if asked is not None:
        share = rows.n_rows / sum(getattr(splits, each).n_rows for each in PARTS)
        reason = f"the {part} split has about {asked:.0%} of the rows"
        off = abs(share - asked) > TOLERANCE
        told = f"{reason}: {share:.1%}"
        yield failed("share_as_asked", None, rows.n_rows, (f"{share:.1%}",), reason, "warn") if off else told


def _features(splits: Splits, rows: Dataset) -> Invariant:
    names = [feature.name for feature in splits.features]
    empty = [name for name, n_missing in zip(names, _missing(rows, names), strict=True) if n_missing == rows.n_rows]
    for name in empty:
        yield failed("feature_present", name, rows.n_rows, ("all missing",), "a feature has values", "stop")
    if n_filled := len(names) - len(empty):
        yield f"a feature has values: {n_filled} of {len(names)}"


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
