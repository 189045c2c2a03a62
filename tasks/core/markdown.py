"""Records as short markdown tables, for the Prefect UI: one function a record, found by its type."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import singledispatch

from tasks.core.appraisal import Appraisal, Association
from tasks.core.figures import figure, percent, ranged, seconds
from tasks.core.model_records import (
    Candidates,
    Comparison,
    Deployment,
    Evaluation,
    Member,
    Report,
    TrainedModel,
    Tuned,
    Verification,
)
from tasks.core.noise import LabelAudit, Noise
from tasks.core.records import CheckedDataset, CheckedSplits, Dataset, FailedExpectation, QualityReport, Splits

MOST_LINES = 30
"""A table in the UI is for a glance; the report has the rest."""


@singledispatch
def markdown(record: object) -> str:
    """The record as markdown; empty when there is nothing to show."""
    return ""


@markdown.register
def _(record: Dataset) -> str:
    rows = ((each.name, each.type, percent(each.n_missing / max(record.n_rows, 1))) for each in record.columns)
    return _text(
        f"{record.n_rows:,} rows, {len(record.columns):,} columns.",
        _table(("Column", "Type", "Missing"), rows, len(record.columns)),
    )


@markdown.register
def _(record: CheckedDataset) -> str:
    return _text(f"{record.dataset.n_rows:,} rows go on.", *_quality((record.report,)))


@markdown.register
def _(record: Splits) -> str:
    sizes = ((name, f"{getattr(record, name).n_rows:,}") for name in ("train", "validation", "test"))
    features = ((each.name, each.kind, each.expression or "the column", each.reason) for each in record.features)
    target = f"Target **{plain(record.target.name)}**: {record.target.problem}. {plain(record.target.reason)}"
    notes = ((note.column or "all", note.text) for note in record.notes)
    return _text(
        target,
        _table(("Split", "Rows"), sizes, 3),
        _table(("Feature", "Kind", "From", "Why"), features, len(record.features)),
        _table(("Column", "What was done"), notes, len(record.notes)),
    )


@markdown.register
def _(record: CheckedSplits) -> str:
    return _text(*_quality(record.reports))


@markdown.register
def _(record: Appraisal) -> str:
    rows = ((each.name, each.word, each.headline, " ".join(each.facts)) for each in record.criteria)
    apart = [each for each in record.distances if each.beyond_chance]
    return _text(
        f"First: {plain(record.advice)}",
        _table(("The data are", "Judged", "Figure", "Why"), rows, len(record.criteria)),
        _table(("Feature", "Explains", "95 % interval"), map(_explains, record.associations), len(record.associations)),
        _table(("Differs", "Between", "Apart"), ((e.column, e.between, percent(e.apart)) for e in apart), len(apart)),
    )


@markdown.register
def _(record: Noise) -> str:
    rows = ((each.column, f"{each.n_rows:,}", each.text, each.advice) for each in record.oddities)
    conflicts = record.conflicts
    told = (
        f"{conflicts.n_rows:,} rows contradict another of equal inputs: the best {conflicts.metric} that any model can "
        f"reach is {figure(conflicts.best)}. {plain(conflicts.advice)}."
        if conflicts
        else "No rows of equal inputs have different answers."
    )
    return _text(
        _table(("Column", "Rows", "What", "What to do"), rows, len(record.oddities)) or "No value looks wrong.", told
    )


@markdown.register
def _(record: LabelAudit) -> str:
    if not record.n_rows:
        return f"None of {record.n_judged:,} answers is doubtful." if record.n_judged else f"{record.text}."
    return f"{record.n_rows:,} of {record.n_judged:,} rows {plain(record.text)}. {plain(record.advice)}."


@markdown.register
def _(record: Candidates) -> str:
    rows = ((each.family, "yes" if each.chosen else "no", each.reason) for each in record.families)
    table = _table(("Family", "Tried", "Why"), rows, len(record.families))
    return _text(f"A {record.problem} problem; **{record.metric}** decides.", table)


@markdown.register
def _(record: Tuned) -> str:
    rows = ((each.family, figure(each.score), f"{each.n_trials}", seconds(each.seconds)) for each in record.leaderboard)
    ended = f"{record.n_trials} trials over {record.n_folds} folds, ended by the budget of {record.stopped_by}."
    return _text(
        f"{ended} The blend reached a {record.metric} of **{figure(record.score)}**.",
        _table(("Family", f"Best {record.metric}", "Trials", "Time"), rows, len(record.leaderboard)),
        _members(record.members),
    )


@markdown.register
def _(record: TrainedModel) -> str:
    ranked = sorted(record.importances, key=lambda each: -each.value)
    return _text(
        f"One ONNX file of {record.artifact.size / 1e3:,.0f} kB, SHA-256 `{record.digest}`.",
        _members(record.members),
        _table(("Feature", "Importance"), ((each.feature, figure(each.value)) for each in ranked), len(ranked)),
    )


@markdown.register
def _(record: Evaluation) -> str:
    metrics = ((each.name, figure(each.value), ranged(each.low, each.high)) for each in record.metrics)
    compared = [each for each in (record.champion, record.baseline) if each]
    slices = (
        (f"{each.feature}: {each.value}", f"{each.n_rows:,}", figure(each.score), ranged(each.low, each.high))
        for each in record.slices
    )
    return _text(
        f"On {record.n_rows:,} test rows; **{record.metric}** decides.",
        _table(("Metric", "Value", "95 % interval"), metrics, len(record.metrics)),
        _table(("Against", "New", "Other", "Gain", "95 % interval"), map(_compared, compared), len(compared)),
        f"{plain(record.incomparable)}." if record.incomparable else "",
        _table(("Worst slice", "Rows", record.metric, f"95 % for all {record.n_slices}"), slices, len(record.slices)),
    )


@markdown.register
def _(record: Deployment) -> str:
    if record.waits:
        until = "it is promoted" if record.waits == "by hand" else f"it proved itself as {record.waits}"
        head = f"**Accepted:** version {record.version} of {plain(record.project)} is the challenger until {until}."
    elif record.accepted:
        head = f"**Accepted:** version {record.version} of {plain(record.project)} is the champion."
    else:
        still = f"version {record.previous} goes on serving" if record.previous else "there is no champion"
        head = f"**Refused:** version {record.version} of {plain(record.project)} does not serve; {still}."
    return _text(head, "\n".join(f"- {plain(reason)}" for reason in record.reasons))


@markdown.register
def _(record: Verification) -> str:
    return (
        f"A fresh process opened the exported model. Over {record.n_rows:,} rows, missing, unseen and extreme values "
        f"among them, its answers differ from the fitted model's by at most {record.largest_difference:.1e}."
    )


@markdown.register
def _(record: Report) -> str:
    return (
        f"One page of {record.page.size / 1000:,.0f} kB, {record.page.digest[:12]}{record.page.suffix}. It is the "
        "artifact `report.html` of the MLflow run; `keepfit status` says where the newest one lies."
    )


def _quality(reports: Sequence[QualityReport]) -> tuple[str, str]:
    counts = (
        (each.suite, f"{each.n_rows:,}", f"{each.evaluated}", f"{len(each.failed)}", f"{each.n_quarantined:,}")
        for each in reports
    )
    broken = [(report.suite, each) for report in reports for each in report.failed]
    failed = ((suite, *_failed(each)) for suite, each in broken)
    return (
        _table(("Suite", "Rows", "Expectations", "Broken", "Rows quarantined"), counts, len(reports)),
        _table(("Suite", "Column", "Expected", "Rows", "Found"), failed, len(broken)),
    )


def _failed(each: FailedExpectation) -> tuple[str, ...]:
    expected = each.reason or each.expectation
    return each.column or "the table", expected, f"{each.n_rows:,}", ", ".join(each.examples[:3])


def _explains(each: Association) -> tuple[str, ...]:
    chance = "" if each.beyond_chance else ", as by chance"
    return each.feature, f"{percent(each.share)}{chance}", f"{ranged(100 * each.low, 100 * each.high)} %"


def _members(members: Sequence[Member]) -> str:
    rows = ((each.family, percent(each.weight), figure(each.score), each.params) for each in members)
    return _table(("Member", "Weight", "Score", "Parameters"), rows, len(members))


def _compared(each: Comparison) -> tuple[str, ...]:
    return each.against, figure(each.ours), figure(each.theirs), figure(each.gain), ranged(each.low, each.high)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], n_rows: int) -> str:
    """A table of at most 30 lines; empty without rows."""
    if not n_rows:
        return ""
    lines = ["| " + " | ".join(map(plain, head)) + " |", "|" + " --- |" * len(head)]
    for number, row in enumerate(rows):
        if number == MOST_LINES:
            break
        lines.append("| " + " | ".join(map(plain, row)) + " |")
    more = f"\n\n{n_rows - MOST_LINES:,} more are in the report." if n_rows > MOST_LINES else ""
    return "\n".join(lines) + more


def plain(text: str) -> str:
    """The text on one line, without what would end a cell or start a tag."""
    flat = " ".join(text.split())
    for sign in ("\\", "|", "`", "[", "]"):
        flat = flat.replace(sign, f"\\{sign}")
    return flat.replace("&", "&amp;").replace("<", "&lt;")


def _text(*paragraphs: str) -> str:
    return "\n\n".join(each for each in paragraphs if each)
