"""A connection that can only read, to any database that SQLAlchemy knows; errors in words, without a password.

What protects the data: a SQLite file is opened read-only, PostgreSQL is asked for a read-only transaction with one
view of the data for all of the reading, and nothing is ever committed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.core import engines, secrets
from tasks.core.errors import DataError, ProjectError, Unavailable
from tasks.sources.paths import existing_file
from tasks.sources.tables import meant_table

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine
    from sqlalchemy.exc import DBAPIError

_BROKEN = ("malformed", "not a database")
"""What SQLite says of a file that was cut off or written over; no query can help."""


@contextmanager
def connected(place: Path | str, title: str) -> Iterator[Connection]:
    """A connection to the SQLite file or the address, in a transaction that is rolled back at the end.

    Errors of the database within the block become DataError, or Unavailable when it is the database that is away.
    """
    from sqlalchemy import exc

    url = None if isinstance(place, Path) else engines.address(place, "source.url", ProjectError)
    if url is not None and url.get_backend_name() == "sqlite":
        place, url = _file(url), None
    engine = _sqlite(Path(place)) if url is None else _engine(url)
    try:
        with engine.connect() as connection:
            if url is None:
                connection.exec_driver_sql("BEGIN")  # one view of the data: sqlite3 itself begins none for reading
            elif connection.dialect.name == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            try:
                yield connection
            except exc.DBAPIError as error:
                hint = meant_table(connection, str(error.orig))
                raise _explained(error, str(place), url, title, hint) from None
    except exc.DBAPIError as error:
        raise _explained(error, str(place), url, title) from None  # the cause's text may hold the password
    finally:
        engine.dispose()


def _file(url: URL) -> Path:
    path = Path(url.database or "")
    if not path.is_absolute():
        raise ProjectError(
            "source.url names a SQLite file by a relative path",
            expected="`path:` with the file, which is relative to project.yaml",
            found=repr(url.database),
            action=f"Write `path: {url.database or 'rows.sqlite'}` instead of `url:`",
        )
    return path


def _sqlite(path: Path) -> Engine:
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    uri = f"{existing_file(path).absolute().as_uri()}?mode=ro"
    return create_engine(
        "sqlite://", creator=lambda: sqlite3.connect(uri, uri=True, check_same_thread=False), poolclass=NullPool
    )


def _engine(url: URL) -> Engine:
    from sqlalchemy.pool import NullPool

    return engines.made(url, "source.url", ProjectError, poolclass=NullPool)


def _explained(error: DBAPIError, place: str, url: URL | None, title: str, meant: str = "") -> Exception:
    from sqlalchemy import exc

    lines = str(error.orig).strip().splitlines() or [type(error.orig).__name__]
    hint = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("HINT:")), "")
    message, hint = (_unspoken(text, place, url) for text in (lines[0], hint))
    busy = "locked" in message or "busy" in message
    if busy or error.connection_invalidated or (url is not None and isinstance(error, exc.OperationalError)):
        return Unavailable(f"The database of {title} cannot be reached", found=message, action=hint)
    broken = any(words in message for words in _BROKEN)
    advice = "Copy the file anew, or see what is left of it with `.recover` of sqlite3" if broken else ""
    action = advice or meant or hint or "Check the query in the source"
    return DataError(f"{title} cannot be read", found=message, action=action)


def _unspoken(message: str, place: str, url: URL | None) -> str:
    """The message without the values of variables, nor a password that was written down."""
    return engines.unspoken(secrets.masked(message, place), url)
