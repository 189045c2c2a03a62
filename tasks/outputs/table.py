"""Scored rows in a table of a database: a chunk and the progress in one transaction, so each row is there once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from tasks.core import engines, secrets
from tasks.core.errors import DataError, ProjectError, Unavailable, UsageError, is_full
from tasks.core.records import Record
from tasks.outputs import journal, rows_in

if TYPE_CHECKING:
    import polars as pl
    from sqlalchemy import URL, Connection, Engine

SAID = "`output` of score"


class Table(Record):
    """A table of any database that SQLAlchemy has an address for, or of a SQLite file; it is made if there is none."""

    kind: Literal["sql"] = "sql"
    url: str | None = None
    """The address, such as `postgresql+psycopg://user:${PASSWORD}@host/name`."""
    path: str | None = None
    """A SQLite file, instead of `url`."""
    table: str = Field(min_length=1)
    """The table, or `schema.table`."""

    @model_validator(mode="after")
    def _is_one_place(self) -> Table:
        if (self.url is None) == (self.path is None):
            raise ValueError("either `url:` with an address or `path:` with a SQLite file")
        return self

    @property
    def title(self) -> str:
        return f"{self.table} in {self.path or engines.called(self.url or '')}"

    @property
    def grows(self) -> bool:
        """Rows are added to those that are there."""
        return True

    def require(self) -> None:
        """UsageError or Unavailable when the database could not be written."""
        if self.path is not None and not Path(self.path).absolute().parent.is_dir():
            raise UsageError(f"There is no folder {Path(self.path).absolute().parent}", action="Create it")
        with self._engine() as engine, engine.begin() as connection:
            journal.progress(connection, "")

    def stamp(self, batch: str) -> str:
        """How many chunks of the batch the table has; empty when it has none."""
        with self._engine() as engine, engine.begin() as connection:
            n_chunks = journal.progress(connection, batch)
            return str(n_chunks) if n_chunks and rows_in.exists(connection, self.table) else ""

    def take(self, batch: str, frames: Iterator[pl.DataFrame]) -> None:
        """Add all rows of the batch that are not there yet, a frame a transaction."""
        with self._engine() as engine:
            for number, frame in enumerate(frames):
                with engine.begin() as connection:
                    self._add(connection, batch, number, frame)

    def side(self, batch: str, folder: Path) -> Path:
        """The file for the refused rows of the batch."""
        return folder / "refused" / f"{batch}.parquet"

    def _add(self, connection: Connection, batch: str, number: int, frame: pl.DataFrame) -> None:
        done = journal.progress(connection, batch)
        if not number and not rows_in.have_table(connection, self.table, frame, self.title) and done:
            journal.forget(connection, batch)  # somebody removed the table, and with it what the batch had there
            done = 0
        if number >= done:
            rows_in.insert(connection, self.table, frame)
            journal.advance(connection, batch, self.table, number + 1, frame.height)

    @contextmanager
    def _engine(self) -> Iterator[Engine]:
        """The engine; what the database says against it within the block, in words and without the password."""
        from sqlalchemy import exc

        url = self._url()
        engine = rows_in.engine(url, SAID)
        try:
            yield engine
        except exc.DBAPIError as error:
            said = (str(error.orig).strip().splitlines() or [type(error.orig).__name__])[0]
            found = engines.unspoken(secrets.masked(said, self.url or ""), url)
            away = isinstance(error, exc.OperationalError) or error.connection_invalidated
            failure = Unavailable if away else DataError
            action = (
                "Make room"
                if is_full(error)
                else "Check the table and the database, then score again: what is done stays"
            )
            raise failure(f"The rows cannot be written to {self.title}", found=found, action=action) from None
        finally:
            engine.dispose()

    def _url(self) -> URL:
        from sqlalchemy import URL

        if self.path is not None:
            return URL.create("sqlite", database=secrets.resolved(self.path))
        return engines.address(self.url or "", SAID, ProjectError)
