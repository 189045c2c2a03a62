"""The tables of keepfit's own database, and how one of an older keepfit is brought up to them.

A change to a table is a new VERSION and a step in `upgrade`; columns are only ever added. Importing this imports
sqlalchemy (0.1 s): whoever reads or writes a table does it where it does so.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    inspect,
    text,
)
from sqlalchemy.types import TypeDecorator

if TYPE_CHECKING:
    from sqlalchemy import Connection, Dialect

VERSION = 3
METADATA = MetaData()


class Moment(TypeDecorator[datetime]):
    """A moment in UTC: SQLite keeps no offset, PostgreSQL gives that of the session."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _id() -> Column[int]:
    # SQLite numbers rows by itself in a column of this one type alone.
    return Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True)


SCHEMA = Table(
    "schema_version",
    METADATA,
    Column("version", Integer, nullable=False),
    Column("database", String(36), nullable=False),  # tells the ledgers apart that share one MLflow
)

LEDGER = Table(
    "ledger",
    METADATA,
    _id(),
    Column("at", Moment, nullable=False),
    Column("project", String(200), nullable=False, index=True),
    Column("number", Integer),  # never empty; an older table can only be given columns that may be
    Column("decision", String(20), nullable=False),
    Column("version", String(40), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("previous", String(40)),
    Column("cause", String(40)),
    Column("actor", String(200)),
    Column("why", Text),
    Column("evidence", Text, nullable=False),
    Index("ledger_number", "project", "number", unique=True),
)

CLIENTS = Table(
    "clients",
    METADATA,
    Column("id", String(20), primary_key=True),
    Column("project", String(200), nullable=False),
    Column("name", String(100), nullable=False),
    Column("secret_sha256", String(64), nullable=False),
    Column("rate", Float),
    Column("created", Moment, nullable=False),
    Column("revoked", Moment),
    UniqueConstraint("project", "name"),
)

OUTCOMES = Table(
    "outcomes",
    METADATA,
    _id(),
    Column("project", String(200), nullable=False),
    Column("prediction", String(100)),
    Column("key", String(400)),
    Column("outcome", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("received", Moment, nullable=False),
    Index("outcomes_prediction", "project", "prediction"),
    Index("outcomes_key", "project", "key"),
    Index("outcomes_at", "project", "at"),
)

WINDOWS = Table(
    "windows",
    METADATA,
    _id(),
    Column("project", String(200), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("start", Moment, nullable=False),
    Column("end", Moment, nullable=False),
    Column("n_rows", BigInteger, nullable=False),
    Column("outcomes", String(64), nullable=False),  # stands for all that were known when it was judged
    Column("daily", Text),  # the blob of its statistics, as JSON; none of a window with an incident
    Column("report", Text, nullable=False),
    UniqueConstraint("project", "digest", "start"),
)

GAINS = Table(
    "gains",
    METADATA,
    _id(),
    Column("project", String(200), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("start", Moment, nullable=False),
    Column("gain", Text, nullable=False),
    UniqueConstraint("project", "digest", "start"),
)

VERDICTS = Table(
    "verdicts",
    METADATA,
    _id(),
    Column("project", String(200), nullable=False, index=True),
    Column("at", Moment, nullable=False),
    Column("version", String(40), nullable=False),
    Column("window", String(40)),
    Column("action", String(20), nullable=False),
    Column("cause", String(20)),
    Column("held_back", String(20)),
    Column("sentence", Text, nullable=False),
    Column("until", Moment),
    Column("evidence", Text, nullable=False),
    Column("request", String(32)),
    Column("event", String(36)),
)

REQUESTS = Table(
    "requests",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("project", String(200), nullable=False, index=True),
    Column("open", String(200), unique=True),  # the project until it is closed, then empty: one is open at a time
    Column("at", Moment, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("sent", Moment),
    Column("flow_run", String(36)),
    Column("attempts", Integer, nullable=False),
    Column("closed", Moment),
    Column("result", String(20)),
)

TRAININGS = Table(
    "trainings",
    METADATA,
    _id(),
    Column("project", String(200), nullable=False, index=True),
    Column("flow_run", String(36), nullable=False, unique=True),
    Column("cause", String(40), nullable=False),
    Column("request", String(32)),
    Column("at", Moment, nullable=False),
    Column("seen", Moment, nullable=False),
    Column("ended", Moment),
    Column("result", String(20)),
    Column("version", String(40)),
)


def upgrade(connection: Connection) -> None:
    """Bring the tables to this VERSION, whatever is there; called in a transaction of its own."""
    found = inspect(connection)
    if found.has_table("ledger") and not found.has_table("schema_version"):
        _number_ledger(connection)
    # Version 2 brought `windows`, 3 what retraining needs: what is not there yet is made.
    METADATA.create_all(connection)


def _number_ledger(connection: Connection) -> None:
    """The ledger from before there were versions: numbers in the order of its rows, causes out of the evidence."""
    compiled = connection.dialect.type_compiler_instance
    for name in ("number", "cause", "actor", "why"):
        kind = compiled.process(LEDGER.c[name].type)
        connection.execute(text(f"ALTER TABLE ledger ADD COLUMN {name} {kind}"))
    numbers: dict[str, int] = {}
    changed: list[dict[str, Any]] = []
    for row in connection.execute(text("SELECT id, project, evidence FROM ledger ORDER BY id")).all():
        numbers[row.project] = numbers.get(row.project, 0) + 1
        cause = json.loads(row.evidence).get("cause", "manual")
        changed.append({"key": row.id, "number": numbers[row.project], "cause": cause})
    if changed:
        update = text("UPDATE ledger SET number = :number, cause = :cause, actor = '', why = '' WHERE id = :key")
        connection.execute(update, changed)
    for index in LEDGER.indexes:
        index.create(connection, checkfirst=True)
