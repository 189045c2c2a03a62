"""The deployment ledger: what served when, who asked, why, on what evidence. Rows are added, never changed."""

from __future__ import annotations

import getpass
import json
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from pydantic import JsonValue

from tasks.core import clock, database
from tasks.core.records import Record

if TYPE_CHECKING:
    from sqlalchemy import Connection

Decision = Literal[
    "champion",  # it serves from now on
    "rollback",  # it serves again, and `previous` no longer
    "withdrawn",  # the alias was taken away in MLflow: nothing serves
    "refused",  # a gate held; it is the challenger, to be looked at
    "challenger",  # its gates held and it must prove itself, or somebody said so
    "shadow_started",
    "shadow_ended",  # with the result: ok, or taken back
    "canary_started",
    "canary_ended",
    "load_failed",  # a server could not load it, and went on with what it had
]
SERVING: tuple[Decision, ...] = ("champion", "rollback", "withdrawn")
"""The decisions that say what serves; the newest of them holds."""


class Entry(Record):
    """A decision. `number` counts within the project from 1; `cause` is who or what asked, `actor` user@host."""

    id: int
    project: str
    number: int
    at: datetime
    decision: Decision
    version: str
    digest: str
    previous: str | None
    cause: str
    actor: str
    why: str
    evidence: dict[str, JsonValue]

    @property
    def serves(self) -> str | None:
        """The version that serves by this decision, when it is one about that."""
        return None if self.decision == "withdrawn" else self.version

    @property
    def corrects(self) -> str | None:
        """The version of the trained model that this version corrects, where the decision was told that it does."""
        found = self.evidence.get("corrects")
        return str(found["version"]) if isinstance(found, dict) else None


def append(
    project: str,
    decision: Decision,
    version: str,
    digest: str,
    *,
    previous: str | None = None,
    cause: str = "manual",
    actor: str | None = None,
    why: str = "",
    evidence: Mapping[str, Any] | None = None,
    unless: Callable[[Entry | None], None] | None = None,
) -> Entry:
    """Add a decision with the project's next number, and return it.

    `unless` is shown the decision by which the project serves now, and raises when that rules this one out; nothing
    is decided between its look and the new row.
    """
    from sqlalchemy.exc import IntegrityError

    from tasks.core.tables import LEDGER

    row: dict[str, Any] = {
        "project": project,
        "decision": decision,
        "version": version,
        "digest": digest,
        "previous": previous,
        "cause": cause,
        "actor": present_actor() if actor is None else actor,
        "why": why,
        "evidence": json.dumps(evidence or {}),
    }
    while True:
        try:
            with database.writing() as connection:
                # The number before the look: PostgreSQL shows what others commit in between, and theirs is then taken.
                newest = _entries(connection, project, limit=1)
                if unless is not None:
                    unless(_serving_since(connection, project))
                row |= {"number": newest[0].number + 1 if newest else 1, "at": clock.now()}
                key = connection.execute(LEDGER.insert().values(**row)).inserted_primary_key
                assert key is not None
                return _entry({**row, "id": key[0]})
        except IntegrityError:
            continue  # PostgreSQL lets two look at once, and the unique number decides: look again


def entries(
    project: str, limit: int | None = 100, decisions: Sequence[Decision] | None = None, version: str | None = None
) -> list[Entry]:
    """The newest decisions about the project first; those of some kinds, or about one version, alone."""
    with database.reading() as connection:
        return _entries(connection, project, limit, decisions, version)


def serving_since(project: str) -> Entry | None:
    """The decision by which the project serves what it serves; None when there never was one."""
    with database.reading() as connection:
        return _serving_since(connection, project)


def present_actor() -> str:
    """The user and the machine of this process, as user@host."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"[:200]


def _serving_since(connection: Connection, project: str) -> Entry | None:
    found = _entries(connection, project, limit=1, decisions=SERVING)
    return found[0] if found else None


def _entries(
    connection: Connection,
    project: str,
    limit: int | None,
    decisions: Sequence[Decision] | None = None,
    version: str | None = None,
) -> list[Entry]:
    from sqlalchemy import select

    from tasks.core.tables import LEDGER

    query = select(LEDGER).where(LEDGER.c.project == project).order_by(LEDGER.c.number.desc()).limit(limit)
    if decisions is not None:
        query = query.where(LEDGER.c.decision.in_(decisions))
    if version is not None:
        query = query.where(LEDGER.c.version == version)
    found = connection.execute(query).mappings()
    return [_entry({**row}) for row in found]


def _entry(row: Mapping[str, Any]) -> Entry:
    return Entry.model_validate({**row, "evidence": json.loads(row["evidence"])})
