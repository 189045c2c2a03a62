"""What the newest check of a project held back, also when it stopped the run: `keepfit quarantine` reads it.

It lies in the home as `quarantine/<project>.json`, which names files of the store.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from tasks.core import memory, store
from tasks.core.errors import Refused, Unavailable
from tasks.core.records import QualityReport, Record


class Held(Record):
    """What a check of raw rows found, and what it said if it stopped the run."""

    report: QualityReport
    stopped: str = ""


class Stopped(Refused):
    """The raw rows stopped the run; `report` tells which of them broke what."""

    def __init__(self, what: str, *, report: QualityReport, expected: str, found: str, action: str) -> None:
        super().__init__(what, expected=expected, found=found, action=action)
        self.report = report


def keep(project: str, found: QualityReport | Stopped) -> None:
    """Note what the project's newest check found."""
    held = Held(report=found.report, stopped=str(found)) if isinstance(found, Stopped) else Held(report=found)
    file = _file(project)
    file.parent.mkdir(exist_ok=True)
    store.write_file(file, held.model_dump_json(indent=1).encode())


@contextmanager
def keeping(project: str) -> Iterator[None]:
    """Note it too when the check within stops."""
    try:
        yield
    except Stopped as stopped:
        keep(project, stopped)
        raise


def newest(project: str) -> Held:
    """What the project's newest check found; Unavailable when there was none, or a file of it is gone."""
    try:
        held = Held.model_validate(json.loads(_file(project).read_bytes()))
    except FileNotFoundError as exc:
        raise Unavailable(
            f"The rows of {project} were never checked in {store.home()}",
            action="Run `keepfit train` or `keepfit show` on it first",
        ) from exc
    except (json.JSONDecodeError, UnicodeDecodeError, ValidationError) as exc:
        raise _again(project, "a damaged record of the newest check") from exc
    if not memory.is_whole(held):
        raise _again(project, "a file of the quarantine that is not in the store any more")
    return held


def _again(project: str, found: str) -> Unavailable:
    action = "Run `keepfit show` on the project: it checks the rows anew"
    return Unavailable(f"The quarantine of {project} cannot be read", found=found, action=action)


def _file(project: str) -> Path:
    return store.home() / "quarantine" / f"{project}.json"
