"""`keepfit new`: a project for data that are there, with expectations that were written from what they are like."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from flows.printed import in_json
from flows.printed.projects import Counts, New, NewColumn
from tasks.core import store
from tasks.core.errors import UsageError
from tasks.core.nearest import perhaps

if TYPE_CHECKING:
    from tasks.core.records import Column, Dataset
    from tasks.profiling.claims import Claim

HEADER = """\
# What must be true of the data, written by `keepfit new` from what they were like: each line with the figure that it
# came from. Change what you know better; `keepfit expectations FOLDER --update` leaves changed lines as they are.
limit: 0.05      # at most this share of the rows may be rejected before the run stops
"""
LIKELY = ("target", "label", "class", "y", "outcome", "churn", "survived", "price", "default", "response", "result")
"""What columns that people want predicted are called."""


def run(options: argparse.Namespace) -> int:
    """Look at the data and write project.yaml and expectations.yaml; nothing is overwritten, no data are copied.

    With --train it is trained then; 3 when a gate refuses the model.
    """
    if not options.train and (options.seconds or options.trials):
        raise UsageError(
            "--seconds and --trials without --train", action="Add --train, or leave them to `keepfit train`"
        )
    from flows.described import described, folder_of, name_of
    from tasks.collect import collect

    name = options.name or name_of(options.data)
    folder = (options.output or folder_of(options.data, name)).absolute()
    files = folder / "project.yaml", folder / "expectations.yaml"
    for file in files:
        if file.exists():
            raise UsageError(
                f"{file} is there already",
                action="Name another folder with --output, or renew its lines with `keepfit expectations --update`",
            )
    said, source = described(options.data, folder, options.query, options.table)
    with store.opened(store.home_of(folder)):
        dataset = collect.fn(source)
        target = _target(dataset, options.target)
        claims = _claims(dataset, target)
    folder.mkdir(parents=True, exist_ok=True)
    files[0].write_text(_project(name, said, target, dataset), encoding="utf-8")
    from tasks.profiling.lines import whole_file

    files[1].write_text(whole_file(claims, HEADER), encoding="utf-8")
    facts = _facts(name, files, dataset, target, claims)
    if not options.train:
        print(in_json(facts) if options.json else "\n".join(_lines(facts, folder)))
        return 0
    if not options.json:
        print("\n".join(_lines(facts, folder)[:-1]), flush=True)
    from flows.commands.train import REFUSED, trained
    from flows.printed.training import Train
    from tasks.retraining.trigger import MANUAL

    options.project = folder
    outcome, told = trained(options, MANUAL, options.seconds, options.trials)
    assert isinstance(outcome, Train)  # only what a request asks for may be done already
    print(in_json(facts.model_copy(update={"training": outcome})) if options.json else told)
    return 0 if outcome.accepted else REFUSED


def _target(dataset: Dataset, named: str | None) -> str:
    """The target: as named, or the classes of a folder of images or sounds; UsageError that lists the columns."""
    names = [column.name for column in dataset.columns]
    if named in names:
        return str(named)
    if named is not None:
        shown = f"The columns are {', '.join(names[:20])}"
        raise UsageError(
            f"--target names column {named!r}, which the data do not have", action=perhaps(named, names, shown)
        )
    if {column.type for column in dataset.columns} & {"image", "sound"} and "label" in names:
        return "label"
    guess = _guess(dataset.columns)
    shown = "\n".join(f"  {column.name:<28} {column.type}" for column in dataset.columns)
    raise UsageError(
        f"Which column is to be predicted is not said. The columns are\n{shown}\nSo nothing was written",
        action=f"Say --target with one of them, perhaps --target {guess}",
    )


def _guess(columns: tuple[Column, ...]) -> str:
    """A column that is called as targets are, else the last one that is no text of its own."""
    for likely in LIKELY:
        for column in columns:
            if likely == column.name.lower():
                return column.name
    return next((c.name for c in reversed(columns) if c.type in ("integer", "boolean", "number")), columns[-1].name)


def _claims(dataset: Dataset, target: str) -> tuple[Claim, ...]:
    """What is expected, tried on the data themselves, up to the rows that a model would see."""
    from flows import proposals
    from tasks.check import Checking, check
    from tasks.core import missing
    from tasks.prepare import Preparation, prepare

    found = proposals.of_rows(missing.with_markers(dataset, {}, target), target)
    checked = check.fn(dataset, proposals.as_expectations(found).raw, Checking(target=target))
    return (*found, *proposals.of_splits(prepare.fn(checked, Preparation(target=target)), ()))


def _project(name: str, source: dict[str, Any], target: str, dataset: Dataset) -> str:
    """A minimal project.yaml; a split by time is offered where there is a column of dates."""
    dumped = yaml.safe_dump(
        {"name": name, "source": source, "target": target}, sort_keys=False, allow_unicode=True, default_flow_style=None
    )
    lines = [
        "# What is not said here is inferred from the data: `keepfit show` on this folder tells what, and why.",
        dumped,
    ]
    dates = [column.name for column in dataset.columns if column.type == "date" and column.name != target]
    if dates:
        split = yaml.safe_dump({"split": {"by": "time", "column": dates[0]}}, default_flow_style=None).strip()
        lines.append(f"# {split}   # the newest rows judge, as they will when it serves\n")
    return lines[0] + "\n" + "".join(lines[1:])


def _facts(name: str, files: tuple[Path, Path], dataset: Dataset, target: str, claims: tuple[Claim, ...]) -> New:
    n = Counter(claim.section for claim in claims)
    return New(
        project=name,
        files=(str(files[0]), str(files[1])),
        n_rows=dataset.n_rows,
        columns=tuple(NewColumn(name=c.name, type=c.type, n_missing=c.n_missing) for c in dataset.columns),
        target=target,
        expectations=Counts(raw=n["raw"], prepared=n["prepared"], serving=n["serving"]),
    )


def _lines(facts: New, folder: Path) -> list[str]:
    counts = facts.expectations
    types = Counter(column.type for column in facts.columns)
    n_missing = sum(column.n_missing for column in facts.columns)
    shown = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
    return [
        f"{facts.project}: {facts.n_rows:,} rows, {len(facts.columns)} columns "
        f"({', '.join(f'{n} {kind}' for kind, n in sorted(types.items()))}), {n_missing:,} values missing",
        f"target {facts.target}",
        f"expectations: {counts.raw} of the rows, {counts.prepared} of what a model sees, "
        f"{counts.serving} of a request",
        *(f"wrote {file}" for file in facts.files),
        f"Next: keepfit train {shown}",
    ]
