"""The SQL database that holds keepfit's own tables: the ledger, API keys, outcomes.

SQLite in the home by default; `KEEPFIT_DATABASE_URL` names another, such as PostgreSQL. Every failure of it is
Unavailable, in words and without a password; only a row that must not be there twice is left to the caller.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from tasks.core import engines, store
from tasks.core.errors import Unavailable, UsageError, is_full

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

BUSY_SECONDS = 10
"""How long a writer waits for another before it gives up."""
_OPENING = threading.Lock()


def address() -> str:
    """The database's address, its password in it: never to be shown (see `shown`)."""
    return os.environ.get("KEEPFIT_DATABASE_URL") or f"sqlite:///{store.home() / 'keepfit.db'}"


def shown() -> str:
    """The address as it may be shown."""
    return engines.shown(_url(address()))


@contextmanager
def reading() -> Iterator[Connection]:
    """A connection in a transaction that only reads: it neither waits for a writer nor holds one up."""
    with _in_words(), engine(address()).connect() as connection:
        yield connection


@contextmanager
def writing() -> Iterator[Connection]:
    """A connection in a transaction that is committed at the end of the block; on SQLite the only one that writes."""
    with _in_words(), engine(address()).execution_options(keepfit_writes=True).begin() as connection:
        yield connection


def alone(connection: Connection, *names: str) -> None:
    """Let no other transaction that asks for the same names go on until this one ends (on SQLite none does anyway)."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy import text

        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": zlib.crc32("\n".join(names).encode())})


def identity() -> str:
    """What tells this database from all others."""
    from sqlalchemy import select

    from tasks.core.tables import SCHEMA

    with reading() as connection:
        return str(connection.execute(select(SCHEMA.c.database)).scalar_one())


def engine(url: str) -> Engine:
    """The engine of the database at the address, which has all tables; one a process and address."""
    with _OPENING:  # several threads of a server may ask for the first time at once
        return _engine(url)


@cache
def _engine(url: str) -> Engine:
    parsed = _url(url)
    options: dict[str, Any] = {"pool_pre_ping": True}  # the database may have been started anew meanwhile
    if parsed.get_backend_name() == "sqlite":
        from sqlalchemy.pool import NullPool

        # A file is opened in no time, and none stays open over a fork.
        options = {"poolclass": NullPool, "connect_args": {"timeout": BUSY_SECONDS}}
    made = engines.made(parsed, "KEEPFIT_DATABASE_URL", **options)
    try:
        with _in_words(parsed):
            if made.dialect.name == "sqlite":
                _prepare_sqlite(made)
            _have_tables(made)
    except BaseException:
        made.dispose()
        raise
    return made


def _url(text: str) -> URL:
    from sqlalchemy import exc, make_url

    try:
        return engines.driven(make_url(text))
    except (exc.ArgumentError, ValueError):
        raise UsageError(
            "KEEPFIT_DATABASE_URL is no address of a database",
            expected="one like postgresql://user:password@host/name, or sqlite:////folder/keepfit.db",
        ) from None


def _prepare_sqlite(engine: Engine) -> None:
    from sqlalchemy import event

    def connected(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # transactions begin below: the driver's own would fail as they turn writers
        connection.execute("PRAGMA foreign_keys = ON")

    def begun(connection: Connection) -> None:
        writes = connection.get_execution_options().get("keepfit_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)
    _turn_to_wal(engine)


def _turn_to_wal(engine: Engine) -> None:
    """Let readers and a writer not wait for each other. The file remembers it, so one process does this once."""
    import sqlite3

    deadline = time.monotonic() + BUSY_SECONDS
    raw = engine.raw_connection()
    try:
        while raw.cursor().execute("PRAGMA journal_mode").fetchone() != ("wal",):
            try:
                raw.cursor().execute("PRAGMA journal_mode = WAL")
                return  # a file system that cannot share memory keeps its old mode
            except sqlite3.OperationalError as exc:
                # When two turn a new file at once, one of them is told so without having waited.
                if "locked" not in str(exc) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
    finally:
        raw.close()


def _have_tables(engine: Engine) -> None:
    from sqlalchemy import inspect, select

    from tasks.core.tables import SCHEMA, VERSION, upgrade

    def version(connection: Connection) -> int | None:
        if not inspect(connection).has_table(SCHEMA.name):
            return None
        return connection.execute(select(SCHEMA.c.version)).scalar()

    with engine.connect() as connection:
        found = version(connection)
    if found is None or found < VERSION:
        with engine.execution_options(keepfit_writes=True).begin() as connection:
            alone(connection, SCHEMA.name)
            found = version(connection)  # another process may have been first
            if found is None or found < VERSION:
                upgrade(connection)
                if found is None:
                    connection.execute(SCHEMA.insert().values(version=VERSION, database=str(uuid.uuid4())))
                else:
                    connection.execute(SCHEMA.update().values(version=VERSION))
                found = VERSION
    if found > VERSION:
        raise Unavailable(
            f"The database at {engines.shown(engine.url)} was written by a newer keepfit",
            expected=f"tables of version {VERSION} at most",
            found=f"version {found}",
            action="Update keepfit, or name another database with KEEPFIT_DATABASE_URL",
        )


@contextmanager
def _in_words(url: URL | None = None) -> Iterator[None]:
    """Failures of the database within the block, as sentences; a broken constraint is left as it is."""
    import sqlite3

    from sqlalchemy import exc

    try:
        yield
    except exc.IntegrityError:
        raise
    except (exc.SQLAlchemyError, sqlite3.Error) as error:
        url = url or _url(address())
        cause = getattr(error, "orig", None) or error
        if is_full(cause):
            raise Unavailable(
                f"There is no space left to write keepfit's database at {engines.shown(url)}",
                action="Make room and give the same command again: what was finished is kept",
            ) from None
        found = (str(cause).strip().splitlines() or [type(cause).__name__])[0][:200]
        raise Unavailable(
            f"keepfit's database at {engines.shown(url)} does not answer",
            found=engines.unspoken(found, url),
            action="Start it, or unset KEEPFIT_DATABASE_URL to use the project's own database"
            if url.get_backend_name() != "sqlite"
            else "Check that its folder can be written and that the disk is not full",
        ) from None  # the cause's text may hold the password
