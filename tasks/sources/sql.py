"""Rows from a database: a table or a query, fetched batch by batch and, with a `watermark`, only what is new.

Nothing but reading is possible (`database.py`), and no value is ever written into the text of a query.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic import model_validator

from tasks.core import arrow, engines, secrets
from tasks.core.errors import DataError
from tasks.core.intake import Intake
from tasks.core.nearest import perhaps
from tasks.core.records import Record
from tasks.sources import fetched
from tasks.sources.database import connected
from tasks.sources.patience import patience
from tasks.sources.tables import declared_schema, only_table, require_table, told_schema
from tasks.sources.watermark import Watermark
from tasks.sources.widening import Spool, fitted

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlalchemy import Connection, CursorResult, Select, TextClause

CELLS = 1 << 20
"""How many values a batch holds at most."""
BATCH_BYTES = 32 << 20
"""What a batch takes at most in memory, judged by the one before; as Python objects it is some five times that."""
FIRST_ROWS = 1_024

_UNREAD = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|`[^`]*`|--[^\n]*|/\*.*?\*/", re.DOTALL)
"""The parts of a query in which a semicolon or a word means nothing."""


_END = re.compile(r";(?:\s|;|--[^\n]*|/\*.*?\*/)*\Z", re.DOTALL)
"""The end of a query, which would be no end where it is a part of another."""


class Sql(Record):
    """A table or a query of any database that SQLAlchemy has an address for, or of a SQLite file."""

    kind: Literal["sql"] = "sql"
    url: str | None = None
    """The address, such as `postgresql+psycopg://user:${PASSWORD}@host/name`."""
    path: Path | None = None
    """A SQLite file, instead of `url`."""
    table: str | None = None
    """The table or view, or `schema.table`; may be left out for a SQLite file that has but one."""
    query: str | None = None
    """One SELECT, instead of `table`."""
    watermark: str | None = None
    """A column that only grows (a number, a date, a moment): then only rows that came since are read."""

    @model_validator(mode="after")
    def _is_one_place(self) -> Sql:
        if (self.url is None) == (self.path is None):
            raise ValueError("either `url:` with an address or `path:` with a SQLite file")
        if self.table is not None and self.query is not None:
            raise ValueError("either `table:` or `query:`")
        if self.url is not None and self.table is None and self.query is None:
            raise ValueError("`table:` or `query:`")
        if self.query is not None:
            words = _UNREAD.sub(" ", self.query).strip().rstrip(";").strip(" (\n\t").lower()
            if ";" in words or not words.startswith(("select", "with")):
                raise ValueError("one statement in `query:`, beginning with SELECT or WITH")
        return self

    @property
    def title(self) -> str:
        return f"{self.table} in {self._place}" if self.table else self._place

    @property
    def _place(self) -> str:
        return self.path.name if self.path is not None else engines.called(self.url or "")

    def batches(self, intake: Intake) -> Iterator[pa.RecordBatch]:
        """The rows as batches of one schema; DataError or Unavailable, in words and without the password."""
        with (
            connected(self.path or self.url or "", self.title) as connection,
            patience(connection, self.title) as renew,
            _folder(intake) as folder,
        ):
            rows: Any = self._rows(connection)
            declared = declared_schema(connection, rows)
            watermark: Watermark | None = None
            if self.watermark is not None:
                at = self._column(connection, rows, self.watermark)
                watermark = Watermark(self.watermark, at, intake.position)
                rows = _since(rows, self.watermark, watermark.value)
            # A reading that ends early must close it: SQLite keeps the file locked as long as a cursor stands in it.
            with closing(connection.execution_options(stream_results=True).execute(rows)) as result:
                told = told_schema(connection, result)
                found = _batches(result, _distinct(list(result.keys()), self.title), told, watermark, renew)
                if told is not None:
                    yield from found
                elif intake.schema is not None:
                    yield from (fitted(batch, intake.schema, self.title) for batch in found)
                else:
                    yield from Spool(found, declared, folder / "rows.arrow").batches()
            if watermark is not None:
                intake.reached = watermark.position()

    def _rows(self, connection: Connection) -> Select[Any] | TextClause:
        import sqlalchemy

        if self.query is not None:
            # A colon is a colon: the query has no parameters. The line end closes a comment.
            text = _END.sub("", secrets.resolved(self.query)).replace(":", r"\:")
            return sqlalchemy.text(f"{text}\n")
        schema, _, name = secrets.resolved(self.table or only_table(connection, self._place)).rpartition(".")
        require_table(connection, name, schema or None, self._place)
        return sqlalchemy.select(sqlalchemy.text("*")).select_from(sqlalchemy.table(name, schema=schema or None))

    def _column(self, connection: Connection, rows: Any, watermark: str) -> int:
        """Which column the watermark is; DataError when it is none, or is missing in a row."""
        import sqlalchemy

        every = sqlalchemy.select(sqlalchemy.text("*")).select_from(_subquery(rows))
        names = list(connection.execute(every.where(sqlalchemy.false())).keys())
        if watermark not in names:
            raise DataError(
                f"{self.title} has no column {watermark!r}",
                expected="the watermark among the columns",
                found=", ".join(names[:20]),
                action=perhaps(watermark, names, "Check `watermark` in the source"),
            )
        # A row without it would never be above the last value: it would be left out without a word.
        if connection.execute(every.where(sqlalchemy.column(watermark).is_(None)).limit(1)).first() is not None:
            raise DataError(
                f"{self.title} has rows without {watermark!r}",
                expected="a value in every row, for what is new is told by it",
                action=f"Fill it in a `query:`, as by coalesce({watermark}, created_at), or leave such rows out there",
            )
        return names.index(watermark)


def _since(rows: Any, watermark: str, value: Any) -> Select[Any]:
    """The rows that are not below the value, in the watermark's order."""
    import sqlalchemy

    column = sqlalchemy.column(watermark)
    every = sqlalchemy.select(sqlalchemy.text("*")).select_from(_subquery(rows)).order_by(column)
    return every if value is None else every.where(column >= value)


def _subquery(rows: Any) -> Any:
    import sqlalchemy

    return (rows.columns() if isinstance(rows, sqlalchemy.TextClause) else rows).subquery("keepfit_rows")


def _batches(
    result: CursorResult[Any],
    names: list[str],
    told: pa.Schema | None,
    watermark: Watermark | None,
    renew: Callable[[], None],
) -> Iterator[pa.RecordBatch]:
    n_rows = FIRST_ROWS
    while rows := cast("Sequence[Sequence[Any]]", result.fetchmany(n_rows)):
        if watermark is not None:
            rows = watermark.fresh(rows)
        if rows:
            found = fetched.batch(rows, names, told)
            yield found
            fitting = BATCH_BYTES * found.num_rows // max(found.nbytes, 1)
            n_rows = max(1, min(fitting, 8 * n_rows, arrow.GROUP_ROWS, CELLS // len(names)))
        renew()  # what was done with the rows took no time of the database


def _distinct(names: list[str], title: str) -> list[str]:
    repeated = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if repeated:
        raise DataError(
            f"{title} gives columns of the same name",
            expected="a name of its own for each column",
            found=", ".join(map(repr, repeated[:5])),
            action="Name them in the query: select a.id as a_id, …",
        )
    return names


@contextmanager
def _folder(intake: Intake) -> Iterator[Path]:
    if intake.folder is not None:
        yield intake.folder
    else:
        with TemporaryDirectory() as name:
            yield Path(name)
