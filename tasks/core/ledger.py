"""The deployment ledger: what served when, why, on what evidence. Rows are added, never changed.

SQLite in the home by default; `KEEPFIT_DATABASE_URL` names another database.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from tasks.core import store
from tasks.core.errors import Unavailable

if TYPE_CHECKING:
    from sqlalchemy import Engine, Table


def address() -> str:
    """The database that holds the ledger."""
    return os.environ.get("KEEPFIT_DATABASE_URL") or f"sqlite:///{store.home() / 'keepfit.db'}"


def record(
    project: str, decision: str, version: str, digest: str, previous: str | None, evidence: dict[str, Any]
) -> None:
    """Add a decision (`champion` or `refused`) about a version; the same one again is not added twice in a row."""
    newest = entries(project, limit=1)
    if newest and (newest[0]["decision"], newest[0]["version"]) == (decision, version):
        return
    engine, ledger = _ledger(address())
    row = {"project": project, "decision": decision, "version": version, "digest": digest, "previous": previous}
    with engine.begin() as connection:
        connection.execute(ledger.insert().values(**row, at=datetime.now(UTC), evidence=json.dumps(evidence)))


def entries(project: str, limit: int = 100) -> list[dict[str, Any]]:
    """The newest decisions about the project first."""
    from sqlalchemy import select

    engine, ledger = _ledger(address())
    query = select(ledger).where(ledger.c.project == project).order_by(ledger.c.id.desc()).limit(limit)
    with engine.connect() as connection:
        return [{**row, "evidence": json.loads(row["evidence"])} for row in connection.execute(query).mappings()]


@cache
def _ledger(url: str) -> tuple[Engine, Table]:
    from sqlalchemy import Column, DateTime, Integer, MetaData, String, Table, Text, create_engine
    from sqlalchemy.exc import SQLAlchemyError

    metadata = MetaData()
    ledger = Table(
        "ledger",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("at", DateTime(timezone=True), nullable=False),
        Column("project", String(200), nullable=False, index=True),
        Column("decision", String(20), nullable=False),
        Column("version", String(40), nullable=False),
        Column("digest", String(64), nullable=False),
        Column("previous", String(40)),
        Column("evidence", Text, nullable=False),
    )
    engine = create_engine(url)
    try:
        metadata.create_all(engine)
    except SQLAlchemyError as exc:
        raise Unavailable(
            f"The ledger's database at {engine.url.render_as_string(hide_password=True)} does not answer",
            found=str(exc).splitlines()[0][:200],
            action="Start it, or unset KEEPFIT_DATABASE_URL to use the project's own database",
        ) from exc
    return engine, ledger
