"""SQLAlchemy engines for addresses that people write: a missing package in words, and no password told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.core.errors import Unavailable, UsageError

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine

_EXTRAS = {"psycopg": "postgres"}
_DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
"""SQLAlchemy's own default for PostgreSQL is a driver that keepfit does not bring."""


def driven(url: URL) -> URL:
    """The address with the driver that keepfit brings, where none is named."""
    return url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))


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
