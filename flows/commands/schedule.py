"""`keepfit schedule`: when a project is trained, watched and scored, written into prefect.yaml and shown as a diff."""

from __future__ import annotations

import argparse
import asyncio
import difflib
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import yaml

from flows import prefect_yaml
from flows.colours import painted_diff
from flows.prefect_yaml import USUAL, Deployment, Schedule
from flows.printed import in_json, machine
from flows.services import deployments
from tasks.core import store, yaml_file
from tasks.core.errors import ProjectError, UsageError
from tasks.core.nearest import nearest
from tasks.core.project_file import project_file


def run(options: argparse.Namespace) -> int:
    """Add what the project lacks in prefect.yaml, or change a time there; what is there already stays as it is."""
    from tasks.project import load_project

    project = load_project(options.project)
    folder = project_file(options.project).parent.resolve()
    root = deployments.root_of(Path.cwd(), folder)
    if not (root / deployments.FILE).is_file():
        root = store.root_of(folder)  # anywhere else the new file would move the project's home
    file = root / deployments.FILE
    flows = ["training", "monitoring", *(["scoring"] if "score" in project.model_fields_set else [])]
    if options.flow not in flows:
        raise UsageError(f"{project.name} has no section `score:`", action="Add it to project.yaml (docs/scoring.md)")
    before = _said(file) if file.is_file() else ""
    after = _with_lacking(before, file, folder, project.name, flows)
    if options.cron or options.timezone:
        after = _with_time(after, file, folder, options)
    times = _times(after, file, folder, flows)
    diff = [*difflib.unified_diff(before.splitlines(), after.splitlines(), file.name, file.name, lineterm="")]
    if diff and not options.dry_run:
        store.write_file(file, after.encode())
    scheduled = machine.Schedule(
        project=project.name,
        file=str(file),
        diff=tuple(diff),
        written=bool(diff) and not options.dry_run,
        deployments=times,
    )
    print(in_json(scheduled) if options.json else "\n".join(_told(scheduled)))
    return 0


def _said(file: Path) -> str:
    """The file's text; a mistake in it is told in a sentence."""
    said = yaml_file.read(file)
    if not isinstance(said, dict | None):
        raise ProjectError(f"{file}", expected="keys like `deployments:`", found=type(said).__name__)
    return file.read_text(encoding="utf-8")


def _with_lacking(text: str, file: Path, folder: Path, name: str, flows: list[str]) -> str:
    shown = folder.relative_to(file.parent.resolve()) if folder.is_relative_to(file.parent.resolve()) else folder
    there = {deployments.flow_of(block) for _, block in _mine(text, file, folder)}
    lacking = [Deployment(flow, name, shown.as_posix(), None) for flow in flows if flow not in there]
    return prefect_yaml.with_deployments(text, lacking, file) if lacking else text


def _with_time(text: str, file: Path, folder: Path, options: argparse.Namespace) -> str:
    """The text with the time that is asked for; what is not said stays, or is as usual."""
    mine = [
        (number, block) for number, block in _mine(text, file, folder) if deployments.flow_of(block) == options.flow
    ]
    if len(mine) > 1:
        found = ", ".join(str(block["name"]) for _, block in mine)
        raise ProjectError(f"{file} has {len(mine)} deployments of that flow", found=found, action="Change it by hand")
    [(number, block)] = mine
    now = next(iter(block.get("schedules") or ()), {})
    usual = USUAL[options.flow]
    cron, zone = now.get("cron") or usual.cron, now.get("timezone") or "UTC"
    wanted = replace(usual, cron=options.cron or cron, timezone=options.timezone or zone)
    upcoming(wanted)
    if (wanted.cron, wanted.timezone) == (now.get("cron"), now.get("timezone", "UTC")):
        return text
    return prefect_yaml.with_schedule(text, number, wanted, file)


def upcoming(schedule: Schedule) -> datetime:
    """When it is next; UsageError for a time that is none, or never comes."""
    from prefect.server.schemas.schedules import CronSchedule
    from pydantic import ValidationError

    if schedule.timezone not in (zones := available_timezones()):
        near = nearest(schedule.timezone, sorted(zones))
        action = f"Perhaps {near} is meant" if near else ""
        zone = "a time zone like UTC or Europe/Berlin"
        raise UsageError("--timezone", expected=zone, found=schedule.timezone, action=action)
    try:
        dates = CronSchedule(cron=schedule.cron, timezone=schedule.timezone).get_dates(1)
        return datetime.fromisoformat(asyncio.run(dates)[0].isoformat())
    except ValidationError as exc:
        fields = 'five fields like "0 6 * * 1": minute, hour, day of the month, month, day of the week'
        raise UsageError("--cron", expected=fields, found=schedule.cron) from exc
    except (ValueError, IndexError) as exc:
        raise UsageError("--cron", expected="a time that comes", found=f"{schedule.cron}, which never does") from exc


def _mine(text: str, file: Path, folder: Path) -> list[tuple[int, dict[str, Any]]]:
    """The project's deployments, each with its place in the list."""
    listed = (yaml.safe_load(text) or {}).get("deployments") or []
    found = [(number, block) for number, block in enumerate(listed) if isinstance(block, dict)]
    return [(number, block) for number, block in found if deployments.project_of(block, file.parent) == folder]


def _times(text: str, file: Path, folder: Path, flows: list[str]) -> tuple[machine.ScheduledFlow, ...]:
    """When each of the project's deployments runs; that the text can be read again is seen by it, too."""
    found: list[machine.ScheduledFlow] = []
    for _, block in _mine(text, file, folder):
        flow = deployments.flow_of(block)
        for each in block.get("schedules") or [{}]:
            cron, zone = each.get("cron"), each.get("timezone", "UTC")
            due = upcoming(Schedule(cron, zone, "")) if cron else None
            found.append(machine.ScheduledFlow(name=f"{flow}/{block['name']}", cron=cron, timezone=zone, next=due))
    if not set(flows) <= {each.name.split("/")[0] for each in found}:
        raise ProjectError(f"{file} cannot be changed line by line", action="Write the deployments by hand")
    return tuple(found)


def _told(scheduled: machine.Schedule) -> list[str]:
    file, diff = Path(scheduled.file), scheduled.diff
    done = f"Written to {file}." if scheduled.written else "Nothing was written."
    lines = [*painted_diff(diff), "", done] if diff else [f"{file} says it already: nothing was written."]
    for each in scheduled.deployments:
        due = f"next {each.next:%Y-%m-%d %H:%M}" if each.next else "on demand"
        lines.append(f"  {each.name:<28} {each.cron or '':<14} {each.timezone:<18} {due}")
    return [*lines, f"Next: `keepfit up`, or in {file.parent} `prefect deploy --all` for a server of yours."]
