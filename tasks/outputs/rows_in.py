"""Rows in tables of SQL databases: engines, tables made after frames, and quick insertion."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from tasks.core import engines
from tasks.core.errors import DataError, ProjectError

if TYPE_CHECKING:
    import polars as pl
    from sqlalchemy import URL, Connection, Engine, Table

BUSY_SECONDS = 30


def engine(url: URL, said_in: str) -> Engine:
    """An engine whose transactions begin before they read, and may make tables and rows at once."""
    from sqlalchemy import event
    from sqlalchemy.pool import NullPool

    options = {"connect_args": {"timeout": BUSY_SECONDS}} if url.get_backend_name() == "sqlite" else {}
    made = engines.made(url, said_in, ProjectError, poolclass=NullPool, **options)
    if url.get_backend_name() == "sqlite":

        def connected(connection: Any, record: Any) -> None:
            connection.isolation_level = None  # the driver's own transactions would begin too late

        def begun(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

        event.listen(made, "connect", connected)
        event.listen(made, "begin", begun)
    return made


def exists(connection: Connection, table: str) -> bool:
    """Whether there is such a table."""
    from sqlalchemy import inspect

    schema, _, name = table.rpartition(".")
    return inspect(connection).has_table(name, schema=schema or None)


def have_table(connection: Connection, table: str, frame: pl.DataFrame, title: str) -> bool:
    """Make the table after the frame's columns unless it is there; whether it was. DataError when it lacks some."""
    from sqlalchemy import inspect

    if not exists(connection, table):
        _table(table, frame).create(connection)
        return False
    schema, _, name = table.rpartition(".")
    there = {column["name"] for column in inspect(connection).get_columns(name, schema=schema or None)}
    if lacking := [column for column in frame.columns if column not in there]:
        raise DataError(
            f"{title} has no column {lacking[0]!r}",
            expected=f"the columns {', '.join(frame.columns[:20])}",
            found=", ".join(sorted(there)[:20]),
            action="Add it there, or name another table",
        )
    return True


def insert(connection: Connection, table: str, frame: pl.DataFrame) -> None:
    """Add the frame's rows, by the quickest way that the database has."""
    if not frame.height:
        return
    if connection.dialect.driver == "psycopg":
        _copy(connection, table, frame)
    elif connection.dialect.name == "sqlite":
        quote = connection.dialect.identifier_preparer.quote
        names, marks = ", ".join(map(quote, frame.columns)), ", ".join("?" * frame.width)
        into = ".".join(map(quote, table.split(".")))
        connection.exec_driver_sql(f"INSERT INTO {into} ({names}) VALUES ({marks})", _plain(frame).rows())
    else:
        connection.execute(_table(table, frame).insert(), _plain(frame, texts=False).to_dicts())


def _table(table: str, frame: pl.DataFrame) -> Table:
    from sqlalchemy import Column, MetaData, Table

    schema, _, name = table.rpartition(".")
    columns = [Column(name, _type(kind)) for name, kind in frame.schema.items()]
    return Table(name, MetaData(), *columns, schema=schema or None)


def _type(kind: pl.DataType) -> Any:
    import polars as pl
    import sqlalchemy as sql

    if isinstance(kind, pl.Datetime):
        return sql.DateTime(timezone=kind.time_zone is not None)
    if kind.is_integer():
        return sql.BigInteger()
    if kind.is_float():
        return sql.Double()
    known: dict[Any, Any] = {pl.Boolean: sql.Boolean, pl.Date: sql.Date, pl.Binary: sql.LargeBinary}
    return known.get(type(kind), sql.Text)()


def _plain(frame: pl.DataFrame, texts: bool = True) -> pl.DataFrame:
    """The frame with moments in UTC without a zone, as texts for SQLite, which has no type for them."""
    import polars as pl

    moments = pl.selectors.datetime()
    zoned = pl.selectors.datetime(time_zone="*")
    plain = frame.with_columns(zoned.dt.convert_time_zone("UTC").dt.replace_time_zone(None))
    if not texts:
        return plain
    days = pl.selectors.date().dt.to_string("%Y-%m-%d")
    return plain.with_columns(moments.dt.to_string("%Y-%m-%d %H:%M:%S%.6f"), days)


def _copy(connection: Connection, table: str, frame: pl.DataFrame) -> None:
    """PostgreSQL's COPY, in the connection's own transaction."""
    import polars as pl

    quote = connection.dialect.identifier_preparer.quote
    into, names = ".".join(map(quote, table.split("."))), ", ".join(map(quote, frame.columns))
    written = io.BytesIO()
    binary = [name for name, kind in frame.schema.items() if kind == pl.Binary]
    hexed = [pl.concat_str(pl.lit("\\x"), pl.col(name).bin.encode("hex")).alias(name) for name in binary]
    frame.with_columns(hexed).write_csv(written, include_header=False)
    raw: Any = connection.connection.driver_connection
    with raw.cursor() as cursor, cursor.copy(f"COPY {into} ({names}) FROM STDIN (FORMAT csv)") as copy:
        copy.write(written.getbuffer())
