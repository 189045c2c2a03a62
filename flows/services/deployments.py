"""What `keepfit up` deploys: the blocks of prefect.yaml for the chosen projects, and what a project lacks there."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import flows
from flows.services import rest
from tasks.core import yaml_file
from tasks.core.errors import ProjectError, UsageError
from tasks.core.project_file import project_file, project_name
from tasks.retraining.trigger import REQUESTED

FILE = "prefect.yaml"
POOL = "keepfit"
LIMIT = {"limit": 1, "collision_strategy": "CANCEL_NEW"}
NIGHTLY = "10 0 * * *"
"""The days of monitoring are UTC's; ten minutes later the last rows of the log are in their files."""


@dataclass(frozen=True)
class Chosen:
    """A project that is up."""

    name: str
    folder: Path


def choose(folders: Sequence[Path], here: Path) -> tuple[Path, list[Chosen]]:
    """The folder whose prefect.yaml counts (the projects' or `here`), and the projects that are named, or all of it."""
    if folders:
        files = [project_file(folder) for folder in folders]
        root = root_of(here, files[0].parent)
    elif (here / FILE).is_file():
        root = here
        named = dict.fromkeys(project_of(block, root) for block in blocks(root))
        files = [project_file(folder) for folder in named if folder is not None]
        if not files:
            raise ProjectError(
                f"{here / FILE} names no project", expected="deployments with `parameters: {project: …}`"
            )
    else:
        files = [project_file(here)]
        root = here
    unique = dict.fromkeys(file.parent for file in files)
    chosen = [Chosen(project_name(folder), folder) for folder in unique]
    names = [each.name for each in chosen]
    if len(set(names)) < len(names):
        raise UsageError("Two projects have one name", expected="names that differ", found=", ".join(names))
    return root, chosen


def blocks(root: Path) -> list[dict[str, Any]]:
    """The deployments that the folder's prefect.yaml describes; none without one."""
    if not (root / FILE).is_file():
        return []
    said = yaml_file.read(root / FILE)
    found = said.get("deployments") if isinstance(said, dict) else None
    return [block for block in found or [] if isinstance(block, dict)]


def wanted(root: Path, chosen: Sequence[Chosen]) -> dict[str, Any]:
    """A prefect.yaml of the chosen projects alone, with training and monitoring for each."""
    said = yaml_file.read(root / FILE) if (root / FILE).is_file() else {}
    written = blocks(root)
    deployments: list[dict[str, Any]] = []
    for each in chosen:
        mine = [dict(block) for block in written if project_of(block, root) == each.folder]
        flows = {flow_of(block) for block in mine}
        mine += [_block(flow, each) for flow in ("training", "monitoring") if flow not in flows]
        for block in mine:
            if flow_of(block) == "training" and "triggers" not in block:
                block["triggers"] = [_on_request(each)]
        deployments += mine
    pull = [{"prefect.deployments.steps.set_working_directory": {"directory": str(root)}}]
    return {"name": POOL, "pull": said.get("pull") or pull, "deployments": deployments}


def named(described: Mapping[str, Any], root: Path, project: Chosen, flow: str) -> str:
    """The name of the project's deployment of that flow."""
    return next(
        str(block["name"])
        for block in described["deployments"]
        if flow_of(block) == flow and project_of(block, root) == project.folder
    )


def flow_of(block: Mapping[str, Any]) -> str:
    """The name of the flow that the block deploys."""
    return re.split(r"[:.]", str(block.get("entrypoint", "")))[-1]


def stamp(described: Mapping[str, Any], url: str) -> str:
    """What a deployment stands on: when it is the same, it need not be done again."""
    code = [(file.name, file.stat().st_mtime_ns) for file in sorted(Path(flows.__path__[0]).glob("*.py"))]
    facts = [url, version("prefect"), code, described]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def are_there(described: Mapping[str, Any], url: str) -> bool:
    """Whether the server has them all; somebody may have deleted one by hand."""
    found = rest.post(f"{url}/deployments/filter", {"deployments": {"tags": {"all_": [POOL]}}})
    return {block["name"] for block in described["deployments"]} <= {each["name"] for each in found}


def root_of(here: Path, folder: Path) -> Path:
    """The folder whose prefect.yaml counts for a project: `here`, else the nearest one from the project's upwards."""
    for candidate in (here, folder, *folder.parents):
        if (candidate / FILE).is_file():
            return candidate
    return folder


def project_of(block: Mapping[str, Any], root: Path) -> Path | None:
    """The folder of the project that a deployment is for; None where it names none."""
    project = (block.get("parameters") or {}).get("project")
    return (root / project).resolve() if isinstance(project, str) else None


def _block(flow: str, project: Chosen) -> dict[str, Any]:
    """A deployment for a project that prefect.yaml has none for."""
    block: dict[str, Any] = {
        "name": project.name,
        "entrypoint": f"flows.{flow}.{flow}",
        "description": f"{flow.capitalize()} of {project.name}, as `keepfit up` deploys it.",
        "tags": [POOL, flow],
        "parameters": {"project": str(project.folder)},
        "concurrency_limit": LIMIT,
        "work_pool": {"name": POOL},
    }
    if flow == "monitoring":
        block["schedules"] = [{"cron": NIGHTLY, "timezone": "UTC", "slug": "nightly"}]
    return block


def _on_request(project: Chosen) -> dict[str, Any]:
    """The automation that starts the training a verdict asked for, with the verdict as its trigger."""
    trigger = {
        "__prefect_kind": "json",
        "value": {"__prefect_kind": "jinja", "template": "{{ event.payload.trigger | tojson }}"},
    }
    return {
        "type": "event",
        "enabled": True,
        "posture": "Reactive",
        "expect": [REQUESTED],
        "match": {"prefect.resource.id": f"keepfit.project.{project.name}"},
        "threshold": 1,
        "parameters": {"trigger": trigger},
    }
