"""`keepfit doctor`: whether this machine, this home and this project are well, and what to do where they are not."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

from flows.colours import painted
from flows.health import champion, databases, machine, prefects
from flows.health.finding import Finding, failed
from flows.printed import in_json
from flows.printed.machine import Doctor
from flows.services import standing
from tasks.core import store
from tasks.core.errors import KeepfitError
from tasks.core.project_file import FILE, project_file

SIGNS = {"ok": ("ok     ", "green"), "warning": ("warning", "yellow"), "failed": ("FAILED ", "red")}


def run(options: argparse.Namespace) -> int:
    """Print a line for each thing that was looked at; 1 when something failed."""
    folder: Path = options.project
    is_project = folder != Path() or (folder / FILE).is_file()
    if is_project:
        folder = project_file(folder).parent
    home = store.home_of(folder)
    checks: list[Callable[[], Iterator[Finding]]] = [
        machine.versions,
        lambda: machine.home(home),
        lambda: machine.clock(home),
        lambda: machine.ports(_used(home)),
        lambda: databases.databases(home),
        lambda: prefects.prefect(home),
    ]
    if is_project:
        checks.append(lambda: champion.champion(options.project, home))
    findings = [finding for check in checks for finding in _found(check)]
    healthy = all(finding.status != "failed" for finding in findings)
    if options.json:
        print(in_json(Doctor(healthy=healthy, home=str(home), findings=tuple(findings))))
    else:
        for finding in findings:
            print(f"{painted(*SIGNS[finding.status])}  {finding.check:<10} {finding.found}")
            if finding.action:
                print(f"{'':<20} → {finding.action}")
    return 0 if healthy else 1


def _found(check: Callable[[], Iterator[Finding]]) -> list[Finding]:
    """What the check finds; that it breaks is a finding too, and keeps the others from nothing."""
    try:
        return list(check())
    except (KeepfitError, OSError) as exc:
        return [failed("doctor", str(exc), "Mend that, and give the command again")]


def _used(home: Path) -> dict[str, str]:
    where = standing.addresses_of(home)
    return where.model_dump(exclude={"predict"}) if where else {}
