"""How far each batch came, in the database that its rows go to: so both change in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

NAME = "keepfit_scoring"
"""The table that says how many chunks and rows of each batch are in which table."""


def progress(connection: Connection, batch: str) -> int:
    """How many chunks of the batch are there."""
    from sqlalchemy import select

    table = _progress()
    table.create(connection, checkfirst=True)
    return connection.execute(select(table.c.n_chunks).where(table.c.batch == batch)).scalar() or 0


def advance(connection: Connection, batch: str, table: str, n_chunks: int, n_rows: int) -> None:
    """Have it known that so many chunks of the batch are there, the last one of so many rows."""
    known = _progress()
    changed = known.update().where(known.c.batch == batch).values(n_chunks=n_chunks, n_rows=known.c.n_rows + n_rows)
    if not connection.execute(changed).rowcount:
        connection.execute(known.insert().values(batch=batch, target=table, n_chunks=n_chunks, n_rows=n_rows))


def forget(connection: Connection, batch: str) -> None:
    """Have it known that nothing of the batch is there."""
    known = _progress()
    connection.execute(known.delete().where(known.c.batch == batch))


def _progress() -> Table:
    from sqlalchemy import BigInteger, Column, MetaData, String, Table

    columns = Column("target", String(200)), Column("n_chunks", BigInteger), Column("n_rows", BigInteger)
    return Table(NAME, MetaData(), Column("batch", String(100), primary_key=True), *columns)
