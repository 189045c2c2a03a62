"""A prefect.yaml with the deployments that a project lacks in it: what is written there already stays as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from flows.services.deployments import flow_of
from flows.yaml_places import Sheet, end, is_block, line_above, line_after, said_by
from tasks.core.errors import ProjectError
from tasks.retraining.trigger import REQUESTED

HEAD = """\
# When things run. `prefect deploy --all` sends it to the Prefect server; `prefect worker start --pool keepfit` runs it.
name: keepfit

pull:
  - prefect.deployments.steps.set_working_directory:
      directory: "{{ $PWD }}"
"""
SHARED = """\
entrypoint: flows.{flow}.{flow}
tags: [keepfit, {flow}]
concurrency_limit: {{limit: 1, collision_strategy: CANCEL_NEW}}  # a second one at a time is not piled up behind it
work_pool: {{name: keepfit}}
"""
ASKED = f"""\
type: event
expect: [{REQUESTED}]  # by a verdict of the flow `monitoring`; `match` says of which project
parameters:
  trigger:
    __prefect_kind: json
    value: {{__prefect_kind: jinja, template: "{{{{ event.payload.trigger | tojson }}}}"}}
"""
TOLD = {
    "training": "Trains {name} anew; the new model serves if it passes its gates.",
    "monitoring": "What broke or drifted among yesterday's live rows.",
    "scoring": "The champion's answers to the rows of `score:`.",
}


@dataclass(frozen=True)
class Schedule:
    """When a flow runs."""

    cron: str
    timezone: str
    slug: str


USUAL = {
    "training": Schedule("0 6 * * 1", "UTC", "regular"),
    "monitoring": Schedule("10 0 * * *", "UTC", "regular"),  # a window is a UTC day
    "scoring": Schedule("30 1 * * *", "UTC", "regular"),
}


@dataclass(frozen=True)
class Deployment:
    """A flow of the project in the folder `project`; without a schedule it runs as others of its kind do."""

    flow: str
    name: str
    project: str
    schedule: Schedule | None

    def lines(self, anchor: str, asked: str | None) -> Iterator[str]:
        """Its block below `deployments:`."""
        plain = re.fullmatch(r"[A-Za-z_./][\w./-]*", self.project)
        parameters = f"project: {self.project if plain else json.dumps(self.project, ensure_ascii=False)}"
        yield f"name: {self.name}"
        yield f"<<: *{anchor}"
        if self.flow == "training":
            yield f"triggers: [{{<<: *{asked}, match: {{prefect.resource.id: keepfit.project.{self.name}}}}}]"
            parameters += ", trigger: {kind: schedule}"
        yield f"description: {TOLD[self.flow].format(name=self.name)}"
        yield f"parameters: {{{parameters}}}"
        if self.schedule:
            yield from _schedules(self.schedule)


def with_deployments(text: str, wanted: Sequence[Deployment], file: Path) -> str:
    """The text with these at the end of its deployments; ProjectError where it is not written line by line."""
    if yaml.safe_load(text) is None:
        text += HEAD
    text = text if text.endswith("\n") else f"{text}\n"
    if "deployments" not in Sheet(text).top:
        text += "\ndeployments:\n"
    for name in dict.fromkeys(part for each in wanted for part in _parts(each.flow)):
        text = _defined(text, name)
    sheet = Sheet(text)
    key, listed = sheet.top["deployments"]
    begins = isinstance(listed, yaml.SequenceNode) and not listed.flow_style
    if listed.value and not begins:
        raise ProjectError(
            f"`deployments:` of {file} cannot be added to line by line",
            expected="a line that begins with `- name:` for each",
            found="all of them in brackets or braces" if listed.tag != "tag:yaml.org,2002:str" else listed.value,
            action="Write each deployment as an item of its own",
        )
    dash = " " * listed.start_mark.column if begins else "  "
    items = [_item(each, sheet, dash) for each in wanted]
    if isinstance(listed, yaml.SequenceNode) and not begins:  # `deployments: []`
        text = text[: listed.start_mark.index].rstrip() + text[listed.end_mark.index :]
    at = line_after(text, end(listed) if begins else key.end_mark.index)
    return text[:at] + ("\n" if begins else "") + "\n".join(items) + text[at:]


def with_schedule(text: str, number: int, wanted: Schedule, file: Path) -> str:
    """The text with another time for the deployment at that place of the list; ProjectError where it has several."""
    block = Sheet(text).top["deployments"][1].value[number]
    key, schedules = {key.value: (key, value) for key, value in block.value}.get("schedules", (None, None))
    text = text if text.endswith("\n") else f"{text}\n"
    if key is None:
        at, pad = line_after(text, end(block)), " " * block.value[0][0].start_mark.column
        return text[:at] + "".join(f"{pad}{line}\n" for line in _schedules(wanted)) + text[at:]
    items = schedules.value if isinstance(schedules, yaml.SequenceNode) else []
    one = {found.value: (found, value) for found, value in items[0].value} if len(items) == 1 else {}
    if "cron" not in one or schedules.start_mark.index < key.start_mark.index:
        raise ProjectError(
            f"{file}, line {key.start_mark.line + 1}: `schedules:`",
            expected="one schedule with a cron expression, to be changed",
            found="one of another kind" if len(items) == 1 else f"{len(items)} schedules",
            action="Change it by hand",
        )
    name, cron = one["cron"]
    changes = [(cron, json.dumps(wanted.cron))]
    if "timezone" in one:
        changes.append((one["timezone"][1], wanted.timezone))
    elif wanted.timezone != "UTC":
        between = ", " if items[0].flow_style else "\n" + " " * name.start_mark.column
        changes = [(cron, f"{json.dumps(wanted.cron)}{between}timezone: {wanted.timezone}")]
    for node, new in sorted(changes, key=lambda change: -change[0].start_mark.index):
        text = text[: node.start_mark.index] + new + text[node.end_mark.index :]
    return text


def _schedules(of: Schedule) -> tuple[str, str]:
    return "schedules:", f'  - {{cron: "{of.cron}", timezone: {of.timezone}, slug: {of.slug}}}'


def _item(wanted: Deployment, sheet: Sheet, dash: str) -> str:
    anchor = _known(sheet, wanted.flow)
    assert anchor is not None
    lines = [*wanted.lines(anchor, _known(sheet, "asked"))]
    if wanted.schedule is None and "schedules" not in said_by(sheet.anchors[anchor]):
        lines += _schedules(USUAL[wanted.flow])
    return "".join(f"{dash}{'  ' if i else '- '}{line}\n" for i, line in enumerate(lines))


def _parts(flow: str) -> tuple[str, ...]:
    return (flow, "asked") if flow == "training" else (flow,)


def _known(sheet: Sheet, name: str) -> str | None:
    """The anchor of what all deployments of a flow share, or of the trigger `asked`, above the deployments."""
    below = sheet.top["deployments"][0].start_mark.index
    for anchor, node in sheet.anchors.items():
        if isinstance(node, yaml.MappingNode) and node.start_mark.index < below:
            said: dict[str, Any] = said_by(node)
            if flow_of(said) == name or (name == "asked" and REQUESTED in (said.get("expect") or ())):
                return anchor
    return None


def _defined(text: str, name: str) -> str:
    """The text with an anchor for what deployments of a flow share, where it has none."""
    sheet = Sheet(text)
    if _known(sheet, name):
        return text
    anchor = name if name not in sheet.anchors else f"keepfit_{name}"
    said = ASKED if name == "asked" else SHARED.format(flow=name)
    if name in ("monitoring", "scoring"):
        said += "".join(f"{line}\n" for line in _schedules(USUAL[name]))
    below = sheet.top["deployments"][0].start_mark.index
    for section in ("definitions", "keepfit"):
        there = sheet.top.get(section)
        if there is None:
            at = line_above(text, below)
            return f"{text[:at]}{section}:\n{_indented(name, anchor, said, 2)}\n{text[at:]}"
        if is_block(there[1]) and there[0].start_mark.index < below:
            at, column = line_after(text, end(there[1])), there[1].value[0][0].start_mark.column
            return f"{text[:at]}\n{_indented(name, anchor, said, column)}{text[at:]}"
    raise ProjectError("prefect.yaml has no place for what its deployments share", action="Put `definitions:` on top")


def _indented(name: str, anchor: str, said: str, column: int) -> str:
    pad = " " * column
    return f"{pad}{name}: &{anchor}\n" + "".join(f"{pad}  {line}\n" for line in said.splitlines())
