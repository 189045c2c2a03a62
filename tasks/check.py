"""The gates for data: after collecting, and again when the rows are ready for a model."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tasks.core import findings, invariants, quarantine, store
from tasks.core.errors import Refused
from tasks.core.expectations import PreparedExpectations, RawExpectations, known_columns
from tasks.core.findings import Finding
from tasks.core.records import (
    CheckedDataset,
    CheckedSplits,
    Dataset,
    FailedExpectation,
    QualityReport,
    Rejected,
    Splits,
)
from tasks.core.step import step
from tasks.modalities import readable


@step
def check(dataset: Dataset, expectations: RawExpectations) -> CheckedDataset:
    """The rows that hold the expectations; those that break one lie in the quarantine, with the reason.

    Refused when more rows than the limit are broken, or an expectation of severity `stop` does not hold.
    """
    known_columns(expectations.expectations, dataset.columns, "the data")
    found = findings.validate(dataset, expectations.expectations, readable(dataset.columns))
    blob, n_broken = quarantine.isolate(dataset, found)
    where = f"Look at the rows in {store.path(blob)}, then correct" if blob else "Correct"
    _stop("The data", _failed(found), f"{where} the source, or the expectation in expectations.yaml")
    failed = [*_unread(dataset.rejected), *_failed(found)]
    n_rejected = dataset.rejected.n_rows if dataset.rejected else 0
    n_quarantined, n_all = n_broken + n_rejected, dataset.n_rows + n_rejected
    if n_quarantined and (n_quarantined > expectations.limit * n_all or n_broken == dataset.n_rows):
        if dataset.rejected and n_rejected > n_broken:
            where = f"Look at what was left out in {store.path(dataset.rejected.rows)}, then correct"
        worst = max((one for one in failed if one.severity == "reject"), key=lambda one: one.n_rows)
        raise Refused(
            f"The data have too many broken rows, most of them for {worst.reason}",
            expected=f"at most {expectations.limit:.2%} of {n_all:,} rows broken",
            found=f"{n_quarantined:,} ({n_quarantined / n_all:.1%}), with values like {_shown(worst)}",
            action=f"{where} the source or the expectation, or raise `limit` in expectations.yaml",
        )
    report = _report("raw", dataset, len(found), failed)
    report = report.model_copy(
        update={"n_quarantined": n_quarantined, "quarantined": blob, "rejected": dataset.rejected}
    )
    return CheckedDataset(dataset=quarantine.without(dataset, found), report=report)


@step
def check_splits(splits: Splits, expectations: PreparedExpectations) -> CheckedSplits:
    """The splits, when the rows of each hold the expectations and none leaks into another; else Refused."""
    reports: list[QualityReport] = []
    for name in invariants.PARTS:
        dataset: Dataset = getattr(splits, name)
        always = invariants.examined(splits, name, expectations)
        _stop(
            f"The {name} split",
            [one for one in always if one is not None],
            "Check `split` and the features in project.yaml",
        )
        known_columns(expectations.expectations, dataset.columns, "the prepared rows")
        found = findings.validate(dataset, expectations.expectations, step="check_splits")
        _stop(f"The {name} split", _failed(found), "Correct the source, or the expectation in expectations.yaml")
        failed = [*(one for one in always if one is not None), *_failed(found)]
        reports.append(_report(name, dataset, len(always) + len(found), failed))
    return CheckedSplits(splits=splits, reports=tuple(reports))


def _unread(rejected: Rejected | None) -> list[FailedExpectation]:
    """What the source could make no rows of, as broken expectations."""
    if rejected is None:
        return []
    items = pl.scan_parquet(store.path(rejected.rows))
    return [
        FailedExpectation(
            expectation="readable",
            column=None,
            n_rows=n_rows,
            examples=tuple(items.filter(pl.col("reason") == reason).head(5).collect()["where"]),
            reason=reason,
            severity="reject",
        )
        for reason, n_rows in rejected.reasons
    ]


def _failed(found: Sequence[Finding]) -> list[FailedExpectation]:
    return [one.record for one in found if not one.held]


def _report(suite: str, dataset: Dataset, evaluated: int, failed: Sequence[FailedExpectation]) -> QualityReport:
    return QualityReport(
        suite=suite,
        n_rows=dataset.n_rows,
        evaluated=evaluated,
        failed=tuple(failed),
        n_quarantined=0,
        quarantined=None,
    )


def _stop(what: str, failed: Sequence[FailedExpectation], action: str) -> None:
    stopping = [one for one in failed if one.severity == "stop"]
    if stopping:
        first, others = stopping[0], "".join(f"; also: {one.reason}" for one in stopping[1:4])
        raise Refused(
            f"{what} broke {first.expectation}{f' of {first.column}' if first.column else ''}",
            expected=first.reason.removeprefix(f"{first.column}: ").removeprefix("expected "),
            found=_shown(first) + others,
            action=action,
        )


def _shown(failed: FailedExpectation) -> str:
    return ", ".join(failed.examples) or "nothing"
