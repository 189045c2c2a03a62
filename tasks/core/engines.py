"""SQLAlchemy engines for addresses that people write: a missing package in words, and no password told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.core import secrets
from tasks.core.errors import Unavailable, UsageError

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine

_EXTRAS = {"psycopg": "postgres"}
_DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
"""SQLAlchemy's own default for PostgreSQL is a driver that keepfit does not bring."""


def driven(url: URL) -> URL:
    """The address with the driver that keepfit brings, where none is named."""
    return url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))


def address(text: str, said_in: str, error: type[UsageError] = UsageError) -> URL:
    """The address with its variables read. A secret's signs mean nothing to the address it stands in."""
    from sqlalchemy import exc, make_url

    try:
        try:
            parts = make_url(text)
        except (exc.ArgumentError, ValueError):  # the whole of it, or its port, is a variable
            parts = make_url(secrets.resolved(text))
    except (exc.ArgumentError, ValueError):
        raise error(
            f"{said_in} is no address of a database",
            expected="one like postgresql+psycopg://user:${PASSWORD}@host/name",
        ) from None
    query = {key: value if isinstance(value, tuple) else secrets.resolved(value) for key, value in parts.query.items()}
    return driven(parts).set(
        username=_read(parts.username),
        password=_read(parts.password),
        host=_read(parts.host),
        database=_read(parts.database),
        query=query,
    )


def _read(part: str | None) -> str | None:
    return secrets.resolved(part) if part else part


def called(text: str) -> str:
    """What the database is called, of an address with its variables unread."""
    from sqlalchemy import exc, make_url

    try:
        parts = make_url(text)
    except (exc.ArgumentError, ValueError):
        return "the database"
    return parts.database or parts.get_backend_name()


def made(url: URL, said_in: str, error: type[UsageError] = UsageError, **options: Any) -> Engine:
    """The engine of a driven address; `error` when what `said_in` says names no database that is known."""
    from sqlalchemy import create_engine, exc

    try:
        return create_engine(url, **options)
    except ModuleNotFoundError as missing:
        name = missing.name or "a driver"
        package = f"keepfit[{_EXTRAS[name]}]" if name in _EXTRAS else name
        raise Unavailable(
            f"{url.drivername} needs the package {name}",
            found="it is not installed",
            action=f"pip install '{package}'",
        ) from missing
    except exc.NoSuchModuleError as unknown:
        raise error(
            f"{said_in} names a database that is not known",
            expected="one like postgresql+psycopg, mysql+pymysql or sqlite, with its SQLAlchemy dialect installed",
            found=repr(url.drivername),
        ) from unknown


def shown(url: URL) -> str:
    """The address as it may be shown; some drivers take a password as a parameter too."""
    query = {key: "***" if "pass" in key.lower() else value for key, value in url.query.items()}
    return url.set(query=query).render_as_string(hide_password=True)


def unspoken(message: str, url: URL | None) -> str:
    """The message without the address's password."""
    return message.replace(str(url.password), "***") if url is not None and url.password else message
