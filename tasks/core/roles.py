"""Which versions a project's servers answer with: as the registry says, and as a file of the home knows it.

Servers follow `champions/<project>.json` alone, so that they go on while MLflow is away and never import it; whoever
moves an alias calls `refresh` at its end.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from tasks.core import ledger, locks, store, tracking
from tasks.core.errors import Unavailable
from tasks.core.model_records import Champion
from tasks.core.records import Record


class Roles(Record):
    """The champion, the challenger if there is one, and the decision by which the champion serves.

    `number` is that decision's in the ledger and `since` its moment (ISO, UTC); 0 and "" when no ledger tells. A
    challenger that the gates refused may answer in the shadow, but never a caller.
    """

    champion: Champion
    challenger: Champion | None = None
    challenger_refused: bool = False
    number: int = 0
    since: str = ""


def file(project: str) -> Path:
    """The file that servers follow: it is replaced, never written into."""
    return store.home() / "champions" / f"{project}.json"


def refresh(project: str) -> Roles:
    """The roles as the registry says, and from now on the file too. Unavailable when it is away, or has no champion."""
    return _present(project, _refreshed(project))


def known(project: str) -> Roles | None:
    """The roles as they were last known, by the file alone; None when there is none, or it is damaged."""
    with suppress(FileNotFoundError, ValidationError):
        written = file(project).read_bytes()
        with suppress(ValidationError):
            return Roles.model_validate_json(written)
        return Roles(champion=Champion.model_validate_json(written))  # from before there were roles
    return None


def serving(project: str) -> Roles:
    """The roles as the registry says, or, when that is away, as they were last known; else Unavailable."""
    try:
        roles = _refreshed(project)
    except Unavailable:
        if (roles := known(project)) is None:
            raise
    return _present(project, roles)


def _present(project: str, roles: Roles | None) -> Roles:
    if roles is None:
        raise Unavailable(f"{project} has no champion yet", action="Train it first: `keepfit train PROJECT`")
    return roles


def _refreshed(project: str) -> Roles | None:
    # Else one who asked earlier might write later, and the file would stay behind.
    with locks.held(file(project).with_suffix(".lock")):
        roles = _asked(project)
        if roles is not None:
            written = roles.model_dump_json().encode()
            if not file(project).exists() or file(project).read_bytes() != written:
                store.write_file(file(project), written)
        return roles


def _asked(project: str) -> Roles | None:
    standing = tracking.standing(project)
    champion = tracking.model(project, standing.champion) if standing.champion else None
    if champion is None:
        return None
    challenger = None
    if standing.challenger and standing.challenger != standing.champion:
        try:
            challenger = tracking.model(project, standing.challenger)
        except Unavailable:
            challenger = None  # its file is gone; the champion answers all the same
    number, since = _decision(project, champion)
    return Roles(
        champion=champion,
        challenger=challenger,
        challenger_refused=challenger is not None and tracking.is_refused(project, challenger.version),
        number=number,
        since=since,
    )


def _decision(project: str, champion: Champion) -> tuple[int, str]:
    """The number and the moment of the decision by which the champion serves."""
    try:
        entry = ledger.serving_since(project)
    except Unavailable:
        # A ledger that is away keeps no model from being served.
        before = known(project)
        return (before.number, before.since) if before and before.champion == champion else (0, "")
    return (entry.number, entry.at.isoformat()) if entry and entry.serves == champion.version else (0, "")
