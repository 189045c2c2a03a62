"""What a challenger has answered so far beside the champion: a file of the home, so that a server's end loses nothing.

Several servers of one home add to it; it is about one model, and begins anew with the next.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import quote

from pydantic import ValidationError

from tasks.core import locks, store
from tasks.core.records import Record

Kind = Literal["shadow", "canary"]


class Trial(Record):
    """Requests that the model of this version and digest answered, and those at which it failed."""

    version: str
    digest: str
    kind: Kind
    needed: int
    """Before it serves."""
    answered: int = 0
    failed: int = 0

    @property
    def asked(self) -> int:
        """All requests of it."""
        return self.answered + self.failed


def known(project: str) -> Trial | None:
    """The trial of the project's newest challenger; None when no server asked one yet."""
    try:
        return Trial.model_validate_json(_file(project).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def add(project: str, more: Trial) -> tuple[Trial, bool]:
    """The trial with what came to it, on file, and whether it begins with this."""
    file = _file(project)
    file.parent.mkdir(exist_ok=True)
    with locks.held(file.with_suffix(".lock")):
        before = known(project)
        if before is None or (before.digest, before.kind, before.version) != (more.digest, more.kind, more.version):
            before = None
            now = more
        else:
            counts = {"answered": before.answered + more.answered, "failed": before.failed + more.failed}
            now = more.model_copy(update=counts)
        if now != before:
            store.write_file(file, now.model_dump_json().encode())
        return now, before is None


def _file(project: str) -> Path:
    return store.home() / "trials" / f"{quote(project, safe=' ')}.json"
