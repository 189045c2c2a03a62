"""`keepfit ledger`: what served when, who asked for it, why, and on what evidence."""

from __future__ import annotations

import argparse
from typing import Any, cast

from flows.printed import in_json
from flows.printed.decisions import Ledger
from tasks.core import ledger, store
from tasks.core.ledger import Entry
from tasks.core.project_file import project_file, project_name


def run(options: argparse.Namespace) -> int:
    """Print the newest decisions first."""
    name = project_name(options.project)
    with store.opened(store.home_of(project_file(options.project).parent)):
        entries = ledger.entries(name, options.limit)
    if options.json:
        print(in_json(Ledger(project=name, entries=tuple(entries))))
    else:
        none = f"{name}: no decision yet; `keepfit train` makes the first"
        print("\n".join(line for entry in entries for line in _lines(entry)) or none)
    return 0


def _lines(entry: Entry) -> list[str]:
    instead = f", before it {entry.previous}" if entry.previous not in (None, entry.version) else ""
    of = f"version {entry.version} ({entry.digest[:12]}){instead}"
    by = f" by {entry.actor}" if entry.actor else ""
    lines = [
        f"{entry.number:>4}  {entry.at:%Y-%m-%d %H:%M:%S} UTC  {entry.decision:<13} {of}",
        f"      {entry.cause}{by}{f': {entry.why}' if entry.why else ''}",
    ]
    gates = cast("list[dict[str, Any]]", entry.evidence.get("gates", []))
    if gates:
        return [*lines, *(f"      {'held' if gate['held'] else 'NOT HELD':<8}  {gate['sentence']}" for gate in gates)]
    told = [entry.evidence.get("check"), *cast("list[str]", entry.evidence.get("reasons", []))]
    return [*lines, *(f"      {text}" for text in told if text)]
