"""`keepfit replay`: the retraining policy back-tested on the project's own history, beside the usual ones."""

from __future__ import annotations

import argparse
import difflib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from flows.colours import painted_diff
from flows.printed import in_json
from flows.printed.parts import rest
from tasks.core import store
from tasks.core.errors import ProjectError
from tasks.core.project_file import project_file

if TYPE_CHECKING:
    from flows.printed.replaying import Replayed
    from tasks.replaying.records import Replay


def run(options: argparse.Namespace) -> int:
    """Replay, print and draw it; with --apply, write the recommended policy once it is accepted."""
    from flows import replay
    from flows.commands.display import progress_display
    from tasks.project import load_project

    project = load_project(options.project)
    span = replay.span_of(project, options.every, options.label_delay, options.begin, options.end)
    with progress_display(quiet=options.json), store.opened(store.home_of(project.folder)):
        found = replay.replayed(project, span)
        page = replay.publish(found)
    if not options.json:
        from tasks.replaying.told import told

        print(told(found))
        print(
            f"\nReport   {page}\nTook     {found.seconds:.1f} s ({found.n_fitted} fits, {found.n_recalled} remembered)"
        )
    file = project_file(options.project)
    diff = _diff(file, found)
    applied = _apply(file, found, diff, options) if options.apply else False
    if options.json:
        print(in_json(_outcome(found, page, diff, applied)))
    return 0


def _diff(file: Path, found: Replay) -> list[str]:
    """What the recommended policy changes in project.yaml; nothing where the project's own is as good."""
    if found.recommended.retrain == found.retrain:
        return []
    before = file.read_text(encoding="utf-8")
    after = _with_policy(before, found)
    name = file.name
    return [
        line.rstrip("\n") for line in difflib.unified_diff(before.splitlines(), after.splitlines(), name, name, n=1)
    ]


def _with_policy(text: str, found: Replay) -> str:
    """The file with `retrain:` as recommended, the rest and its comments as they are."""
    lines, start = text.splitlines(), None
    for number, line in enumerate(lines):
        if line.startswith("retrain:"):
            start = number
    policy = found.recommended.retrain.model_dump(mode="json", exclude_defaults=True)
    for name in ("drifted", "budget"):
        if name in policy:
            policy[name] = f"{policy[name][0]} of {policy[name][1]}"
    said = f"retrain: {json.dumps(policy).replace(chr(34), '')}"
    if "quiet_hours" in policy:
        said = f"retrain: {json.dumps(policy)}"  # hours hold a colon; JSON is YAML too
    if start is None:
        return "\n".join([*lines, said]) + "\n"
    end = start + 1
    while end < len(lines) and (lines[end][:1] in (" ", "\t", "-") or not lines[end].strip()):
        end += 1
    while end > start + 1 and not lines[end - 1].strip():
        end -= 1
    return "\n".join([*lines[:start], said, *lines[end:]]) + "\n"


def _apply(file: Path, found: Replay, diff: list[str], options: argparse.Namespace) -> bool:
    """Whether it was written: on a terminal after a yes, with --accept unasked."""
    if not options.json:
        print("\n".join(["", *painted_diff(diff)]) if diff else f"{file} says what would be recommended.")
    if not diff:
        return False
    asking = not options.accept and not options.json and sys.stdin.isatty() and sys.stdout.isatty()
    if not (options.accept or (asking and _answer())):
        if not options.json:
            print(f"Nothing is written to {file}. Accept it with --apply --accept.")
        return False
    text = _with_policy(file.read_text(encoding="utf-8"), found)
    _require_meant(file, text, found)
    store.write_file(file, text.encode())
    if not options.json:
        print(f"Written to {file}.")
    return True


def _answer() -> bool:
    while (said := input("accept? [y]es, [n]o: ").strip().lower()[:1]) not in ("y", "n"):
        pass
    return said == "y"


def _require_meant(file: Path, text: str, found: Replay) -> None:
    """That the file with the change says what is recommended, or it is not touched."""
    from tasks.core import yaml_file
    from tasks.retraining.policy import Retrain

    if Retrain.model_validate(yaml_file.meant(text).get("retrain") or {}) != found.recommended.retrain:
        raise ProjectError(
            f"`retrain:` of {file} cannot be changed line by line",
            expected="a block of its own, not quoted and without an anchor",
            action=f"Write it by hand: {found.recommended.sentence}",
        )


def _outcome(found: Replay, page: Path, diff: list[str], applied: bool) -> Replayed:
    from flows.printed.replaying import Replayed, ReplayedPolicy

    policies: dict[str, ReplayedPolicy] = {}
    for each in found.policies:
        scores = tuple(step.score for step in each.steps)
        policies[each.name] = ReplayedPolicy(**rest(each, "name"), scores=scores)
    kept = rest(found, "policies")
    return Replayed(**kept, policies=policies, report=str(page), diff=tuple(diff), applied=applied)
