"""`keepfit expectations`: whether each expectation holds on the data now, and with --update what it would say today."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows import proposals
from flows.colours import painted, painted_diff
from flows.printed import in_json, quality
from flows.printed.quality import ExpectationChange
from flows.printed.quality import ExpectationState as State
from tasks.check import check
from tasks.collect import collect
from tasks.core import findings, missing, store
from tasks.core.errors import ProjectError, Refused, UsageError
from tasks.core.expectation import Expectation
from tasks.core.expectations import Expectations, Section, known_columns, load
from tasks.prepare import prepare
from tasks.profiling import lines, revision
from tasks.project import Project, load_project

if TYPE_CHECKING:
    from tasks.core.records import Dataset, Splits
    from tasks.profiling.revision import Change


def run(options: argparse.Namespace) -> int:
    """Tell how the data stand to what is expected of them; with --update, write what was accepted."""
    project = load_project(options.project)
    file = project.folder / (project.expectations_file or "expectations.yaml")
    said = load(file) if file.exists() else Expectations()
    with store.opened(store.home_of(project.folder)):
        checking = project.checking
        # As `check` sees it: what stands for a missing value is none.
        dataset = missing.with_markers(collect.fn(project.source), checking.missing_values, project.target)
        known_columns(said.raw.expectations, dataset.columns, "the data")
        splits, why = _splits(project, dataset, said)
        states = [*_states("raw", said.raw.expectations, [dataset], "")]
        parts = [splits.train, splits.validation, splits.test] if splits else []
        states += _states("prepared", said.prepared.expectations, parts, why)
        states += _states("serving", said.serving.expectations if said.serving else (), [dataset], "")
        if options.update:
            return _update(project, file, dataset, splits, states, options)
    if options.json:
        print(in_json(quality.Expectations(project=project.name, expectations=tuple(states))))
    else:
        print("\n".join(_told(states, file)))
    return 0


def _splits(project: Project, dataset: Dataset, said: Expectations) -> tuple[Splits | None, str]:
    """What a model would see now, or why there is nothing to see."""
    try:
        return prepare.fn(check.fn(dataset, said.raw, project.checking), project.preparation), ""
    except Refused as exc:
        return None, f"not asked, since training would stop before: {exc.what}"


def _states(section: Section, asked: Sequence[Expectation], rows: Sequence[Dataset], why: str) -> list[State]:
    """How each stands to the rows, or to each of several data sets."""
    if not rows:
        return [State(section=section, claim=one.claim, severity=one.severity, held=None, found=why) for one in asked]
    found: list[dict[int, findings.Finding]] = []
    for dataset in rows if asked else ():
        known_columns(asked, dataset.columns, "the rows")
        found.append({id(one.expectation): one for one in findings.validate(dataset, asked)})
    return [_state(section, one, [by[id(one)] for by in found]) for one in asked]


def _state(section: Section, asked: Expectation, found: Sequence[findings.Finding]) -> State:
    one = next((each for each in found if not each.held), found[0])
    shown = ", ".join(one.examples)
    if asked.names_rows:
        shown = f"{one.n_broken:,} of {one.n_rows:,} rows break it{f', like {shown}' if shown else ''}"
    return State(section=section, claim=asked.claim, severity=asked.severity, held=one.held, found=shown)


def _told(states: Sequence[State], file: Path) -> list[str]:
    words = {True: "holds ", False: painted("BROKEN", "red"), None: "?     "}
    told = [
        f"{words[one.held]}  {one.section:<9} {one.claim}{f'   ({one.found})' if one.found else ''}" for one in states
    ]
    n_held = sum(one.held is True for one in states)
    return [*told, f"{n_held} of {len(states)} expectations in {file} hold on the data now."]


def _update(
    project: Project,
    file: Path,
    dataset: Dataset,
    splits: Splits | None,
    states: Sequence[State],
    options: argparse.Namespace,
) -> int:
    sheet = lines.parsed(file.read_text(encoding="utf-8") if file.exists() else "")
    if sheet is None:
        raise ProjectError(
            f"{file} cannot be updated line by line",
            expected="below `raw:`, `prepared:` and `serving:` one list item after the other",
            action="Write each expectation as an item of its own, like `  - expect_…: {column: …}`",
        )
    claims = proposals.of_rows(dataset, project.target)
    if splits is None:
        # What is expected of prepared rows stays, for there are none to see.
        kept = [item for item in sheet.items if item.section == "prepared"]
        sheet = lines.Sheet(sheet.lines, tuple(i for i in sheet.items if i not in kept), sheet.ends, sheet.indents)
        states = [state for state in states if state.section != "prepared"]
    else:
        claims += proposals.of_splits(splits, project.features)
    broken = {
        place: _evidence(state) for place, state in enumerate(_in_file_order(sheet, states)) if state.held is False
    }
    proposed = revision.changes(sheet, claims, broken)
    chosen = _chosen(proposed, options)
    if chosen:
        text = revision.accepted(sheet, chosen)
        _require_loadable(text)
        store.write_file(file, text.encode())
    if options.json:
        changes, accepted = tuple(map(_shown, proposed)), tuple(change.number for change in chosen)
        print(in_json(quality.Expectations(project=project.name, changes=changes, accepted=accepted)))
    elif not proposed:
        print(f"{file} says what would be written of the data now.")
    else:
        print(f"{len(chosen)} of {len(proposed)} changes written to {file}.")
        if not chosen:
            print("Accept them with --accept all, or some with --accept 1,3-5.")
    return 0


def _in_file_order(sheet: lines.Sheet, states: Sequence[State]) -> list[State]:
    """The states of the items as they stand in the file, where sections may come in any order."""
    left = {section: iter([state for state in states if state.section == section]) for section in lines.SECTIONS}
    return [next(left[item.section]) for item in sheet.items]


def _shown(change: Change) -> ExpectationChange:
    return ExpectationChange(number=change.number, section=change.section, diff=tuple(change.lines), why=change.why)


def _evidence(state: State) -> str:
    return state.found or "it is otherwise"


def _chosen(proposed: Sequence[Change], options: argparse.Namespace) -> list[Change]:
    """The changes that are accepted: those that --accept names, or that a person at the terminal says yes to."""
    asking = options.accept is None and not options.json and sys.stdin.isatty() and sys.stdout.isatty()
    wanted = _numbers(options.accept, len(proposed)) if options.accept is not None else set[int]()
    chosen: list[Change] = []
    every = False
    for change in proposed:
        if not options.json:
            print(f"{change.number}. {change.section}: {change.why}")
            print("\n".join(f"   {line}" for line in painted_diff(change.lines)))
        answer = "y" if every else _answer() if asking else "y" if change.number in wanted else "n"
        if answer == "q":
            break
        every = every or answer == "a"
        if answer in ("y", "a"):
            chosen.append(change)
    return chosen


def _answer() -> str:
    while (said := input("   accept? [y]es, [n]o, [a]ll that follow, [q]uit: ").strip().lower()[:1]) not in set("ynaq"):
        pass
    return said


def _numbers(text: str, n: int) -> set[int]:
    """The numbers that `all`, `2` or `1,3-5` means."""
    if text == "all":
        return set(range(1, n + 1))
    try:
        ends = [[int(end) for end in part.split("-")] for part in text.split(",")]
        chosen = {number for first, *last in ends for number in range(first, (last or [first])[0] + 1)}
    except ValueError as exc:
        raise UsageError("--accept", expected="all, or numbers like 1,3-5", found=text) from exc
    if n and not chosen <= set(range(1, n + 1)):
        raise UsageError("--accept", expected=f"numbers from 1 to {n}", found=text)
    return chosen


def _require_loadable(text: str) -> None:
    """An own mistake must not reach the file."""
    import yaml

    said: Any = yaml.safe_load(text)
    Expectations.model_validate(said)
