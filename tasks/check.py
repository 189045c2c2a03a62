"""The gates for data: after collecting, and again when the rows are ready for a model."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from pydantic import Field

from tasks.core import findings, invariants, missing, quarantine, store
from tasks.core.errors import Refused
from tasks.core.expectations import PreparedExpectations, RawExpectations, ServingExpectations, known_columns
from tasks.core.findings import Finding
from tasks.core.quarantined import Stopped
from tasks.core.records import (
    CheckedDataset,
    CheckedSplits,
    Dataset,
    FailedExpectation,
    Note,
    QualityReport,
    Record,
    Rejected,
    Splits,
)
from tasks.core.released import FILE, rule_of
from tasks.core.splits import PARTS
from tasks.core.step import step
from tasks.modalities import readable


class Checking(Record):
    """What a project says of its raw rows besides the expectations."""

    target: str | None = None
    """No number in it is ever taken for a missing one."""
    missing_values: dict[str, tuple[str, ...]] = Field(default_factory=dict[str, tuple[str, ...]])
    """The values that stand for a missing one, of the columns where they are said; in others they are found."""
    released: dict[str, tuple[str, ...]] = Field(default_factory=dict[str, tuple[str, ...]])
    """Rows (`released.keys`) that are let through, and which rules they may break (`released.rule_of`)."""
    serving: ServingExpectations | None = None
    """What requests must hold; here only their columns are looked up."""


NOTHING_SAID = Checking()


@step
def check(dataset: Dataset, expectations: RawExpectations, section: Checking = NOTHING_SAID) -> CheckedDataset:
    """The rows that hold the expectations, nothing where a value means nothing; others lie in the quarantine.

    `Stopped` when more rows than the limit are broken, or an expectation of severity `stop` does not hold.
    """
    known_columns(expectations.expectations, dataset.columns, "the data")
    known_columns(section.serving.expectations if section.serving else (), dataset.columns, "the data")
    dataset = missing.with_markers(dataset, section.missing_values, section.target)
    found = findings.validate(
        dataset, expectations.expectations, readable(dataset.columns), released_rows=section.released
    )
    blob, n_broken = quarantine.isolate(dataset, found)
    failed = [*_unread(dataset.rejected), *_failed(found)]
    n_rejected = dataset.rejected.n_rows if dataset.rejected else 0
    report = _report("raw", dataset, len(found), failed).model_copy(
        update={
            "n_quarantined": n_broken + n_rejected,
            "quarantined": blob,
            "rejected": dataset.rejected,
            "proven": tuple(_held(found)),
        }
    )
    _stop("The data", _failed(found), f"{_where(report)} the source, or the expectation in expectations.yaml", report)
    _stop_at_limit(report, n_broken, expectations.limit)
    return CheckedDataset(dataset=_told(quarantine.without(dataset, found), found), report=report)


@step
def check_splits(splits: Splits, expectations: PreparedExpectations) -> CheckedSplits:
    """The splits, when the rows of each hold the expectations and none leaks into another; else Refused."""
    reports: list[QualityReport] = []
    for name in PARTS:
        dataset: Dataset = getattr(splits, name)
        always = invariants.examined(splits, name, expectations)
        broken = [one for one in always if not isinstance(one, str)]
        _stop(f"The {name} split", broken, "Check `split` and the features in project.yaml")
        known_columns(expectations.expectations, dataset.columns, "the prepared rows")
        found = findings.validate(dataset, expectations.expectations, step="check_splits")
        _stop(f"The {name} split", _failed(found), "Correct the source, or the expectation in expectations.yaml")
        report = _report(name, dataset, len(always) + len(found), [*broken, *_failed(found)])
        proven = (*(one for one in always if isinstance(one, str)), *_held(found))
        reports.append(report.model_copy(update={"proven": proven}))
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


def _stop_at_limit(report: QualityReport, n_broken: int, limit: float) -> None:
    """Stopped when more rows lie in the quarantine than may, or all of them."""
    n_all = report.n_rows + report.n_quarantined - n_broken
    if report.n_quarantined > limit * n_all or (n_broken and n_broken == report.n_rows):
        worst = max((one for one in report.failed if one.severity == "reject"), key=lambda one: one.n_rows)
        raise Stopped(
            f"The data have too many broken rows, most of them for {worst.reason}",
            expected=f"at most {limit:.2%} of {n_all:,} rows broken",
            found=f"{report.n_quarantined:,} ({report.n_quarantined / n_all:.1%}), with values like {_shown(worst)}",
            action=f"{_where(report)} the source or the expectation, or raise `limit` in expectations.yaml",
            report=report,
        )


def _where(report: QualityReport) -> str:
    """Where to look at the rows, before what to do about them."""
    if report.quarantined is None and report.rejected is None:
        return "Correct"
    blob, n_rejected = report.quarantined, report.rejected.n_rows if report.rejected else 0
    if report.rejected and (blob is None or 2 * n_rejected > report.n_quarantined):
        blob = report.rejected.rows
    lie = f", or at the rows in {store.path(blob)}" if blob else ""
    return f"Look at them with `keepfit quarantine PROJECT`{lie}, then correct"


def _told(dataset: Dataset, found: Sequence[Finding]) -> Dataset:
    """The data set with a note on how many of its rows were let through."""
    freed = {row for one in found if one.pardoned is not None for row in one.pardoned.tolist()}
    if not freed:
        return dataset
    text = f"{'one row breaks' if len(freed) == 1 else f'{len(freed):,} rows break'} a rule; let through by {FILE}"
    note = Note(kind="noise", column=None, n_rows=len(freed), text=text)
    return dataset.model_copy(update={"notes": (*dataset.notes, note)})


def _failed(found: Sequence[Finding]) -> list[FailedExpectation]:
    return [one.record for one in found if not one.held]


def _held(found: Sequence[Finding]) -> list[str]:
    """The expectations that hold, each with how many rows break it, or the figure that was found."""
    return [f"{one.expectation.claim}{_figure(one)}" for one in found if one.held]


def _figure(found: Finding) -> str:
    if found.expectation.names_rows:
        return f": {found.n_broken:,} of {found.n_rows:,} rows break it"
    return f": {', '.join(found.examples)}" if found.examples else ""


def _report(suite: str, dataset: Dataset, evaluated: int, failed: Sequence[FailedExpectation]) -> QualityReport:
    return QualityReport(
        suite=suite,
        n_rows=dataset.n_rows,
        evaluated=evaluated,
        failed=tuple(failed),
        n_quarantined=0,
        quarantined=None,
    )


def _stop(what: str, failed: Sequence[FailedExpectation], action: str, report: QualityReport | None = None) -> None:
    stopping = [one for one in failed if one.severity == "stop"]
    if stopping:
        first, others = stopping[0], "".join(f"; also: {one.reason}" for one in stopping[1:4])
        said = {
            "expected": first.reason.removeprefix(f"{first.column}: ").removeprefix("expected "),
            "found": _shown(first) + others,
            "action": action,
        }
        broke = f"{what} broke {rule_of(first)}"
        raise Refused(broke, **said) if report is None else Stopped(broke, report=report, **said)


def _shown(failed: FailedExpectation) -> str:
    return ", ".join(failed.examples) or "nothing"
