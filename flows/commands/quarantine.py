"""`keepfit quarantine`: the rows that were held back and why; written to a file, or let through from now on."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from flows import held_back
from flows.held_back import Row
from flows.printed import in_json
from flows.printed.quality import Exported, HeldRow, Item, LeftOut, Quarantine, Released, Rule
from tasks.core import quarantined, released, store
from tasks.core.errors import UsageError
from tasks.core.nearest import perhaps
from tasks.core.project_file import project_file, project_name
from tasks.core.records import FailedExpectation, QualityReport
from tasks.core.released import Release
from tasks.outputs import formats

MOST_RELEASED = 10_000
"""Rows let through at once; when there are more, it is the rule that should be another."""
SHORTEST = 6
"""Signs of a row's name that are enough to name it."""
VALUES = 8
"""Columns that are shown of a row."""


def run(options: argparse.Namespace) -> int:
    """Show the quarantine of the newest check; export or release what is asked for."""
    name, folder = project_name(options.project), project_file(options.project).parent
    with store.opened(store.home_of(folder)):
        held = quarantined.newest(name)
        done: dict[str, Any] = {}
        if options.export is not None:
            n_exported = formats.write(options.export, held_back.exported(held.report), "--export")
            done |= dict(Exported(exported=str(options.export), n_exported=n_exported))
        if options.release or options.release_rule:
            done |= dict(_release(held.report, options, folder / released.FILE))
        outcome = Quarantine(
            project=name,
            n_rows=held.report.n_rows,
            stopped=held.stopped or None,
            n_quarantined=held.report.n_quarantined,
            rules=tuple(map(_rule, held_back.broken(held.report))),
            rows=tuple(map(_shown, islice(held_back.rows(held.report), options.limit))),
            left_out=_left_out(held.report, options.limit),
            **done,
        )
    print(in_json(outcome) if options.json else _in_words(outcome))
    return 0


def _rule(rule: FailedExpectation) -> Rule:
    return Rule(
        rule=released.rule_of(rule),
        expected=rule.reason,
        n_rows=rule.n_rows,
        found=rule.examples,
        can_be_released=rule.expectation not in released.TYPE_ERRORS,
    )


def _release(report: QualityReport, options: argparse.Namespace, file: Path) -> Released:
    """Write the rows that are meant into released.yaml: how many, and why the others cannot be."""
    free: list[Row] = []
    fixed: list[Row] = []
    for row in _named(report, options.release) if _names(options) else _meant(report, options.release_rule):
        (free if row.unmended is None else fixed).append(row)
        if len(free) > MOST_RELEASED:
            raise UsageError(
                f"More than {MOST_RELEASED:,} rows are too many to let through one by one",
                action="Change the rule in expectations.yaml, or say `mostly` or `severity: warn` there",
            )
    if fixed and _names(options):
        raise _not_released(fixed[0])
    today = datetime.now(UTC).date()
    pairs = dict.fromkeys((row.name, released.rule_of(rule)) for row in free for rule in row.rules)
    released.add(file, (Release(row=row, rule=rule, when=today, why=options.why) for row, rule in pairs))
    reasons = dict.fromkeys(row.unmended.claim for row in fixed if row.unmended is not None)
    return Released(
        n_released=len(free),
        released_in=str(file),
        n_not_released=len(fixed),
        why_not=tuple(f"{reason}: no release makes a value of it" for reason in reasons),
    )


def _names(options: argparse.Namespace) -> bool:
    """Whether rows are named one by one."""
    return bool(options.release) and options.release != ["all"]


def _meant(report: QualityReport, rule: str | None) -> Iterator[Row]:
    """The rows that broke the rule, all of them when none is said; UsageError for a rule that no row broke."""
    known = {released.rule_of(one): one for one in held_back.broken(report)}
    wanted = {
        name for name, one in known.items() if rule is None or rule in (name, one.claim, one.column, one.expectation)
    }
    if rule is not None and not wanted:
        raise UsageError(
            f"No row of the quarantine broke {rule!r}",
            expected=" or ".join([*known][:5]) or "a rule that rows broke",
            action=perhaps(rule, known, "Name one of these"),
        )
    for row in held_back.rows(report):
        if any(released.rule_of(one) in wanted for one in row.rules):
            yield row


def _named(report: QualityReport, wanted: list[str]) -> list[Row]:
    """The rows of these names, or of their first signs; UsageError for one that is none's or several rows'."""
    found: dict[str, list[Row]] = {name: [] for name in wanted}
    for row in held_back.rows(report):
        for name, rows in found.items():
            if len(name) >= SHORTEST and row.name.startswith(name):
                rows.append(row)
    for name, rows in found.items():
        if len({row.name for row in rows}) != 1:
            raise UsageError(
                f"--release {name}",
                expected=f"the name of a row, of which {SHORTEST} signs that no other begins with are enough, or all",
                found=f"{len({row.name for row in rows})} such rows",
                action="`keepfit quarantine PROJECT` shows the names",
            )
    return [row for rows in found.values() for row in rows]


def _not_released(row: Row) -> UsageError:
    action = "Correct it at the source, or say under `columns` in project.yaml that it is one of the `missing_values`"
    return UsageError(f"Row {row.name} cannot be let through", found=row.reason, action=action)


def _shown(row: Row) -> HeldRow:
    values = {name: "bytes" if isinstance(value, bytes) else value for name, value in row.values.items()}
    return HeldRow(row=row.name, number=row.number, reason=row.reason, values=values)


def _left_out(report: QualityReport, limit: int) -> LeftOut:
    """What the source could make no rows of."""
    import polars as pl

    if report.rejected is None:
        return LeftOut(n_items=0, items=())
    items = pl.scan_parquet(store.path(report.rejected.rows)).select("where", "reason").head(limit).collect()
    return LeftOut(n_items=report.rejected.n_rows, items=tuple(Item(**item) for item in items.to_dicts()))


def _in_words(outcome: Quarantine) -> str:
    left_out = outcome.left_out
    n_all = outcome.n_rows + left_out.n_items
    lines = [f"{outcome.project}: {outcome.n_quarantined:,} of {n_all:,} rows are held back"]
    if outcome.stopped:
        lines.append(f"The run stopped: {outcome.stopped}")
    lines += [f"  {rule.n_rows:>8,}  {rule.expected}" for rule in outcome.rules]
    for row in outcome.rows:
        values = ", ".join(f"{name} {_short(value)}" for name, value in list(row.values.items())[:VALUES])
        lines += ["", f"{row.row}  row {row.number}: {row.reason}", f"    {values}"]
    lines += [f"\n{item.where}: {item.reason}" for item in left_out.items]
    n_more = outcome.n_quarantined - len(outcome.rows) - len(left_out.items)
    lines += ["", f"… and {n_more:,} more; --limit shows more, --export all"] if n_more > 0 else []
    if outcome.exported:
        lines += ["", f"{outcome.n_exported:,} rows written to {outcome.exported}"]
    if outcome.released_in:
        lines += ["", f"Let through from the next run on, by {outcome.released_in}: {outcome.n_released:,}"]
        lines += [f"Not let through: {outcome.n_not_released:,}, since {why}" for why in outcome.why_not]
    return "\n".join(lines)


def _short(value: Any) -> str:
    text = "nothing" if value is None else repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 40 else f"{text[:40]}…"
