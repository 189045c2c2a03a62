"""Who may ask a project's servers: API keys, each shown once and kept as the SHA-256 of its secret.

A key is `kf_<id>_<secret>`. The secret is 256 random bits, which no slow hash could make harder to guess.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import Field

from tasks.core import database
from tasks.core.errors import UsageError
from tasks.core.nearest import perhaps
from tasks.core.records import Record

PREFIX = "kf"
LONGEST_NAME = 100


class Client(Record):
    """One who holds a key. `rate` is how many requests a second it may make; None: as many as it likes."""

    id: str
    name: str
    rate: float | None
    created: datetime
    revoked: datetime | None = None
    secret_sha256: str = Field(repr=False, exclude=True)


_NOBODY = Client(id="", name="", rate=None, created=datetime.min.replace(tzinfo=UTC), secret_sha256="0" * 64)


def add(project: str, name: str, rate: float | None = None) -> tuple[str, Client]:
    """A new key and its client. The key is told here and never again. UsageError when the name is taken."""
    from sqlalchemy.exc import IntegrityError

    from tasks.core.tables import CLIENTS

    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise UsageError(
            "A key needs a name", expected=f"1 to {LONGEST_NAME} signs that can be printed", found=repr(name[:200])
        )
    if rate is not None and not (rate > 0 and math.isfinite(rate)):
        raise UsageError(f"The rate of {name}", expected="requests per second, more than 0", found=f"{rate:g}")
    id_, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    row: dict[str, Any] = {"id": id_, "name": name, "rate": rate, "created": datetime.now(UTC)}
    row["secret_sha256"] = _digest(secret)
    try:
        with database.writing() as connection:
            connection.execute(CLIENTS.insert().values(project=project, **row))
    except IntegrityError as exc:
        raise UsageError(
            f"A key of {project} is called {name!r} already",
            expected="a name of its own for each key, also for those that are revoked",
            action="Choose another name, so that it stays clear who asked",
        ) from exc
    return f"{PREFIX}_{id_}_{secret}", Client.model_validate(row)


def revoke(project: str, name: str) -> Client:
    """The client whose key is worth nothing from now on; UsageError when there is none of that name."""
    from tasks.core.tables import CLIENTS

    found = {client.name: client for client in clients(project)}
    if name not in found:
        raise UsageError(
            f"No key of {project} is called {name!r}", action=perhaps(name, found, "See `keepfit keys PROJECT`")
        )
    client = found[name]
    if client.revoked is not None:
        return client
    now = datetime.now(UTC)
    with database.writing() as connection:
        connection.execute(CLIENTS.update().where(CLIENTS.c.id == client.id).values(revoked=now))
    return client.model_copy(update={"revoked": now})


def clients(project: str) -> list[Client]:
    """Everyone who was ever given a key of the project, the oldest first."""
    from sqlalchemy import select

    from tasks.core.tables import CLIENTS

    columns = [CLIENTS.c[name] for name in Client.model_fields]
    query = select(*columns).where(CLIENTS.c.project == project).order_by(CLIENTS.c.created, CLIENTS.c.id)
    with database.reading() as connection:
        return [Client.model_validate(dict(row)) for row in connection.execute(query).mappings()]


def snapshot(project: str) -> dict[str, Client]:
    """Whose keys are good now, by id: for a server to keep for a while and give to `verify`."""
    return {client.id: client for client in clients(project) if client.revoked is None}


def verify(token: str, snapshot: Mapping[str, Client]) -> Client | None:
    """Whose key it is; None when it is nobody's. How long that takes tells nothing of either."""
    prefix, id_, secret = (*token.split("_", 2), "", "")[:3]
    client = snapshot.get(id_, _NOBODY)
    good = hmac.compare_digest(_digest(secret), client.secret_sha256)
    return client if good and prefix == PREFIX and client is not _NOBODY else None


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
