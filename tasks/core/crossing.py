"""What must not cross from one split or fold into another, found in the written rows themselves.

Rows, the values of group and key, nearly equal rows, texts that differ in case and spaces alone, and later times.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tasks.core import store
from tasks.core.records import Dataset, FailedExpectation, Severity, Splits
from tasks.core.splits import BEFORE_GAP, seconds

N_EXAMPLES = 5

Invariant = Iterator[FailedExpectation | str]
"""One for each thing that was examined: when it holds, a sentence that says so, with figures."""


def between(splits: Splits, part: str, other: str) -> Invariant:
    """What was examined of one split against another, which is fitted or chosen on before it."""
    rows, others = (getattr(splits, name) for name in (part, other))
    yield _apart(rows, others, ["__row__"], f"disjoint_from_{other}", f"no row of {part} is a row of {other}")
    for columns in splits.together:
        named = ", ".join(f"`{name}`" for name in columns)
        yield _apart(rows, others, columns, f"apart_from_{other}", f"no {named} of {part} is one of {other}")
    if "__group__" in store.schema(rows).names:
        reason = f"no group or nearly equal row of {part} is in {other}"
        yield _apart(rows, others, ["__group__"], f"groups_apart_from_{other}", reason)
    types = {field.name: str(field.type) for field in store.schema(rows)}
    if texts := [name for name in splits.near if types.get(name) == "string"]:
        yield _texts_apart(rows, others, texts, part, other)
    if splits.time_column is not None:
        yield _later(splits, part, rows, other, others, splits.time_column)


def of_folds(splits: Splits) -> Invariant:
    """What was examined of the folds of the training rows."""
    import polars as pl

    fold = pl.col("__fold__") % BEFORE_GAP
    if "__group__" in store.schema(splits.train).names:
        groups = store.scan(splits.train).group_by("__group__").agg(fold.n_unique().alias("n"))
        n_torn, n = groups.select((pl.col("n") > 1).sum(), pl.len()).collect(engine="streaming").row(0)
        reason = "no group or nearly equal row is in two folds"
        yield (
            failed("groups_in_one_fold", "__fold__", n_torn, (f"{n_torn:,}",), reason, "stop")
            if n_torn
            else (f"{reason}: 0 of {n:,}")
        )
    if (name := splits.time_column) is not None:
        time = pl.col(name)
        fitted = time.filter(pl.col("__fold__") < BEFORE_GAP)
        found = store.scan(splits.train).group_by(fold).agg(time.min().alias("first"), fitted.max().alias("last"))
        blocks = found.collect(engine="streaming").sort("__fold__")
        firsts, lasts = blocks["first"].to_list(), blocks["last"].to_list()
        early = [first for first, last in zip(firsts[1:], lasts, strict=False) if not _follows(first, last, splits)]
        reason = f"every fold is later than the one before{_by_gap(splits)}"
        shown = tuple(f"{first}" for first in early[:N_EXAMPLES])
        yield (
            failed("folds_in_time", name, len(early), shown, reason, "stop")
            if early
            else (f"{reason}: {len(firsts)} of {len(firsts)}")
        )


def failed(
    name: str, column: str | None, n_rows: int, examples: tuple[str, ...], reason: str, severity: Severity
) -> FailedExpectation:
    """What did not hold."""
    return FailedExpectation(
        expectation=name, column=column, n_rows=n_rows, examples=examples, reason=reason, severity=severity
    )


def _apart(rows: Dataset, others: Dataset, columns: Sequence[str], name: str, reason: str) -> FailedExpectation | str:
    """That no values of these columns, where none is missing, are in both."""
    import polars as pl

    ours, theirs = (store.scan(each).select(columns).drop_nulls().unique() for each in (rows, others))
    shared = ours.join(theirs, on=list(columns), how="semi").collect(engine="streaming").sort(columns)
    own = columns[0].startswith("__")
    if shared.height:
        examples = [f"row {row[0]:#x}" if own else ", ".join(map(str, row)) for row in shared.head(N_EXAMPLES).rows()]
        return failed(name, ", ".join(columns), shared.height, tuple(examples), reason, "stop")
    n = rows.n_rows if own else ours.select(pl.len()).collect(engine="streaming").item()
    return f"{reason}: 0 of {n:,}"


def _texts_apart(
    rows: Dataset, others: Dataset, columns: Sequence[str], part: str, other: str
) -> FailedExpectation | str:
    import polars as pl

    whole = pl.concat_str(columns, ignore_nulls=True).str.normalize("NFKC").str.to_lowercase()
    text = whole.str.replace_all(r"\s+", "").alias("text")
    ours, theirs = (
        store.scan(each).select(text).filter(pl.col("text") != "").select(pl.col("text").hash()).unique()
        for each in (rows, others)
    )
    n_shared = ours.join(theirs, on="text", how="semi").select(pl.len()).collect(engine="streaming").item()
    named = ", ".join(f"`{name}`" for name in columns)
    reason = f"no {named} of {part} is one of {other} in other letters or spaces"
    if n_shared:
        found = (f"{n_shared:,} texts",)
        return failed(f"texts_apart_from_{other}", ", ".join(columns), n_shared, found, reason, "stop")
    return f"{reason}: 0 of {ours.select(pl.len()).collect(engine='streaming').item():,}"


def _later(
    splits: Splits, part: str, rows: Dataset, other: str, others: Dataset, column: str
) -> FailedExpectation | str:
    import polars as pl

    first = store.scan(rows).select(pl.col(column).min()).collect().item()
    last = store.scan(others).select(pl.col(column).max()).collect().item()
    reason = f"every {part} row is later than the last {other} row{_by_gap(splits)} ({last})"
    if first is None or last is None or not _follows(first, last, splits):
        return failed(f"later_than_{other}", column, 1, (f"{first}",), reason, "stop")
    return f"{reason}: the first is of {first}"


def _follows(first: Any, last: Any, splits: Splits) -> bool:
    """Whether `first` is later than `last`, by the gap at least; a fold all within the gap has no last."""
    if last is None or not first > last:
        return last is None
    gap = splits.time_gap
    if gap is None:
        return True
    return (first - last).total_seconds() >= seconds(gap) if isinstance(gap, str) else first - last >= gap


def _by_gap(splits: Splits) -> str:
    return f" by {splits.time_gap} or more" if splits.time_gap is not None else ""
