"""What a database tells of its tables and of the columns of a result, before any row is looked at."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tasks.core.errors import DataError
from tasks.core.nearest import perhaps

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlalchemy import Connection

_NO_TABLE = re.compile(r"""(?:no such table: |relation "|Table ')(?:\w+\.)?(\w+)""")

_POSTGRES = {
    16: "bool",
    **dict.fromkeys((20, 21, 23, 26), "int64"),
    **dict.fromkeys((700, 701, 1700), "double"),
    1082: "date32",
    **dict.fromkeys((1114, 1184), "timestamp[us]"),
    17: "binary",
}
"""The Arrow type of PostgreSQL's types by their fixed numbers; all others (uuid, json, arrays, …) are text."""

_SQLITE = (
    *(("bool", "bool"), ("int", "int64"), ("time", "timestamp[us]"), ("date", "date32"), ("blob", "binary")),
    *(("real", "double"), ("doub", "double"), ("floa", "double"), ("num", "double"), ("dec", "double")),
)
"""The Arrow type that a word within a declared type of SQLite means."""


def told_schema(connection: Connection, result: Any) -> pa.Schema | None:
    """The columns of the result where the database tells their types, which then bind every value; else None."""
    if connection.dialect.driver != "psycopg":
        return None
    return _schema((column[0], _POSTGRES.get(column[1], "string")) for column in result.cursor.description)


def declared_schema(connection: Connection, rows: Any) -> pa.Schema:
    """What SQLite's columns are declared as, which binds no value; of other databases nothing is known."""
    if connection.dialect.name != "sqlite":
        return _schema([])
    # A view knows from which column each of its own comes.
    connection.exec_driver_sql(f"CREATE TEMP VIEW keepfit_rows AS {rows.compile(dialect=connection.dialect)}")
    found = connection.exec_driver_sql("PRAGMA temp.table_info(keepfit_rows)").all()
    connection.exec_driver_sql("DROP VIEW temp.keepfit_rows")
    types = ((row[1], [meant for word, meant in _SQLITE if word in row[2].lower()]) for row in found)
    return _schema((name, meant[0] if meant else "string") for name, meant in types)


def _schema(types: Iterable[tuple[str, str]]) -> pa.Schema:
    import pyarrow as pa

    return pa.schema([(name, pa.type_for_alias(alias)) for name, alias in types])


def require_table(connection: Connection, name: str, schema: str | None, title: str) -> None:
    """DataError with the nearest name unless there is such a table or view."""
    from sqlalchemy import inspect

    if not inspect(connection).has_table(name, schema=schema):
        names = _tables(connection, schema)
        raise DataError(
            f"There is no table {name!r} in {title}",
            found=", ".join(names[:10]) or "no table at all",
            action=perhaps(name, names, "Check `table` in the source"),
        )


def only_table(connection: Connection, title: str) -> str:
    """The name of the one table or view; DataError when there are none or several."""
    names = _tables(connection, None)
    if len(names) != 1:
        raise DataError(
            f"{title} has {len(names)} tables",
            expected="one, or `table:` or `query:` in the source",
            found=", ".join(names[:10]),
            action="Name one of them as `table:`" if names else "Check what wrote it",
        )
    return names[0]


def meant_table(connection: Connection, message: str) -> str:
    """A sentence with the table that an error's message may have meant, for a query that names none; or nothing."""
    found = _NO_TABLE.search(message)
    if found is None:
        return ""
    connection.rollback()  # PostgreSQL answers nothing more within a transaction that failed
    return perhaps(found[1], _tables(connection, None))


def _tables(connection: Connection, schema: str | None) -> list[str]:
    from sqlalchemy import inspect

    inspector = inspect(connection)
    return sorted({*inspector.get_table_names(schema=schema), *inspector.get_view_names(schema=schema)})
