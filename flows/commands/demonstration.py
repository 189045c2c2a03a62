"""`keepfit up --once`: one turn of the loop as a demonstration, in a home of its own, told as a story."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from flows.demonstrating.once import Once
from flows.demonstrating.plan import described
from flows.demonstrating.story import Story
from flows.printed import in_json
from flows.services import standing
from flows.services.deployments import Chosen
from flows.services.supervised import supervised
from flows.services.up import Up
from tasks.core import clock, store
from tasks.core.errors import KeepfitError, Unavailable, UsageError
from tasks.project import load_project

ELSEWHERE = ("PREFECT_API_URL", "MLFLOW_TRACKING_URI", "KEEPFIT_DATABASE_URL")
"""Where the user's own runs, models and decisions are, which a demonstration leaves alone."""


def run(
    root: Path, chosen: Sequence[Chosen], options: argparse.Namespace, told: Callable[[str], None], began: float
) -> int:
    """Play it for one project: 0 when the loop closed, 1 when it did not. `told` is given what the parts do."""
    if len(options.projects) > 1:
        raise UsageError("A demonstration is of one project", found=f"{len(options.projects)}", action="Name one")
    project = load_project(chosen[0].folder)
    home = store.home_of(chosen[0].folder) / "demonstration"
    if project.serve.log.keep == "off":
        raise UsageError(f"{project.name} keeps no prediction log to judge", found="`serve: {log: off}`")
    if standing.found(home) is not None:
        raise Unavailable(f"A demonstration is going on in {home}", action="Wait for it")
    shutil.rmtree(home, ignore_errors=True)  # each begins anew: two in one log would be one drift
    home.mkdir(parents=True)
    for name in ELSEWHERE:
        os.environ.pop(name, None)
    os.environ |= {"KEEPFIT_HOME": str(home), "PREFECT_HOME": str(home / "prefect")}
    clock.play(home / "clock")
    story = Story(lambda line: print(line, file=sys.stderr if options.json else sys.stdout, flush=True), began)
    closed, failure = False, ""
    supervisor = Up(home, root, chosen[:1], options.port, told, described(root, chosen[:1]))
    with supervised(supervisor):
        try:
            closed = Once(supervisor, project, story).play()
        except KeyboardInterrupt:
            failure = "It was interrupted."
        except KeepfitError as exc:
            failure = str(exc)
        if failure:
            story.add("end", failure)
        where = standing.addresses(supervisor) if supervisor.parts else standing.Nowhere()
    if options.json:
        print(in_json(story.told(project.name, home, closed, where)))
    else:
        print(_ending(closed, home, chosen[0].folder))
    return 0 if closed else 1


def _ending(closed: bool, home: Path, project: Path) -> str:
    shown = project.relative_to(Path.cwd()) if project.is_relative_to(Path.cwd()) else project
    return "\n".join(
        [
            "The loop closed." if closed else "The loop did not close.",
            f"All of it is kept in {home} until the next one. To look at it again:",
            f"  KEEPFIT_HOME={home} keepfit up {shown}",
        ]
    )
