"""A main table with columns of others beside it: each row finds its own by a key, and keeps its place and number.

All are read as a whole every time, for yesterday's row may find today what it did not find then. They lie in Parquet
files while duckdb joins them, which puts on disk what memory has no room for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic import Field, field_validator, model_validator

from tasks.core import arrow
from tasks.core.errors import DataError
from tasks.core.intake import Intake
from tasks.core.records import Record
from tasks.sources import Source

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

MEMORY = "512MB"
"""What duckdb may take before it goes to disk."""

_FAMILIES = {"int64": "numbers", "double": "numbers", "date32[day]": "dates", "timestamp[us]": "dates"}


class Other(Record):
    """A table whose columns go beside the main one's, and the key by which a row finds its own."""

    source: Source
    on: Mapping[str, str] = Field(min_length=1)
    """The key: a column of the main table (or of one joined before), and the column of this one that is equal to it."""
    join: Literal["left", "inner"] = "left"
    """left keeps rows that find nothing, with missing values; inner leaves them out."""
    prefix: str = ""
    """Put before the names of this table's columns, where they would be those of another."""

    @field_validator("on", mode="before")
    @classmethod
    def _names(cls, value: object) -> object:
        names = [value] if isinstance(value, str) else value
        return {name: name for name in names} if isinstance(names, list) else names


class Joined(Record):
    """Several sources as one table: the first is the main one. In project.yaml it is a list."""

    kind: Literal["joined"] = "joined"
    main: Source
    others: tuple[Other, ...] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _of_list(cls, said: Any) -> Any:
        """`sources: [main, {…, on, join, prefix}, …]` as the records have it."""
        if not isinstance(said, dict) or "sources" not in said:
            return said
        main, *others = cast("list[Any]", said["sources"]) or [{}]
        return {"kind": "joined", "main": main, "others": [_other(other) for other in others]}

    @property
    def title(self) -> str:
        return f"{self.main.title} with {', '.join(other.source.title for other in self.others)}"

    def batches(self, intake: Intake) -> Iterator[pa.RecordBatch]:
        """The main table's rows in order; DataError for a key that would multiply them, or that never fits."""
        import duckdb

        with TemporaryDirectory(dir=intake.folder) as name, duckdb.connect() as connection:
            folder = Path(name)
            settings = {"memory_limit": MEMORY, "temp_directory": str(folder / "spilt"), "threads": 2}
            for setting, value in settings.items():
                connection.execute(f"SET {setting} = '{value}'")
            columns = self._columns(connection, intake, folder)
            keys = [
                f"{'JOIN' if other.join == 'inner' else 'LEFT JOIN'} t{number} ON "
                + " AND ".join(f"{columns[left][0]} = t{number}.{_quoted(right)}" for left, right in other.on.items())
                for number, other in enumerate(self.others, start=1)
            ]
            selected = ", ".join(f"{place} AS {_quoted(name)}" for name, (place, _) in columns.items())
            schema = _schema({name: kind for name, (_, kind) in columns.items()})
            rows = max(1, min(arrow.GROUP_ROWS, (1 << 20) // len(columns)))
            query = f"SELECT {selected} FROM t0 {' '.join(keys)} ORDER BY t0.file_row_number"
            for batch in cast("Any", connection.sql(query)).to_arrow_reader(rows):
                yield arrow.cast(batch, schema, self.title)

    def _columns(
        self, connection: duckdb.DuckDBPyConnection, intake: Intake, folder: Path
    ) -> dict[str, tuple[str, pa.DataType]]:
        """Each column's place and type, by its name in the joined table, once all tables lie in files."""
        schema = _written(connection, self.main, intake, folder, 0)
        columns = {field.name: (f"t0.{_quoted(field.name)}", field.type) for field in schema}
        for number, other in enumerate(self.others, start=1):
            schema = _written(connection, other.source, intake, folder, number)
            self._require_keys(other, columns, schema)
            _require_once(connection, other, number)
            _tell_unmatched(connection, intake, other, number, columns)
            for field in schema:
                if field.name in other.on.values():
                    continue
                name = f"{other.prefix}{field.name}"
                if name in columns:
                    raise DataError(
                        f"Column {name!r} of {other.source.title} is there already",
                        expected="a name of its own for each column",
                        action="Say `prefix: other_` beside `on`, and its columns begin with that",
                    )
                columns[name] = (f"t{number}.{_quoted(field.name)}", field.type)
        return columns

    def _require_keys(self, other: Other, columns: Mapping[str, tuple[str, pa.DataType]], schema: pa.Schema) -> None:
        from tasks.core.nearest import perhaps

        for left, right in other.on.items():
            for name, names, title in ((left, columns, self.main.title), (right, schema.names, other.source.title)):
                if name not in names:
                    raise DataError(f"{title} has no column {name!r} to join on", action=perhaps(name, names))
            ours, theirs = str(columns[left][1]), str(schema.field(right).type)
            if _FAMILIES.get(ours, ours) != _FAMILIES.get(theirs, theirs):
                raise DataError(
                    f"The key {left!r} cannot be compared with {right!r} of {other.source.title}",
                    expected=ours,
                    found=theirs,
                    action="Cast one of them where it comes from, such as by a query",
                )


def _other(said: Any) -> dict[str, Any]:
    if not isinstance(said, dict):
        return {"source": said}
    # To YAML the word `on` is a truth value.
    named = {"on" if key is True else str(key): value for key, value in cast("dict[Any, Any]", said).items()}
    own = {key: named.pop(key) for key in ("on", "join", "prefix") if key in named}
    return {**own, "source": named}


class _Part(Intake):
    """The reading of one of the tables: what is no row of it is no row of the whole."""

    def __init__(self, whole: Intake, folder: Path) -> None:
        super().__init__(folder=folder)
        self._whole = whole

    def reject(self, where: str, reason: str, content: bytes | str = b"", n_items: int = 1) -> None:
        self._whole.reject(where, reason, content, n_items)


def _written(
    connection: duckdb.DuckDBPyConnection, source: Any, intake: Intake, folder: Path, number: int
) -> pa.Schema:
    """Read the source into a file that the connection knows as t<number>; the schema it has."""
    from pyarrow import parquet

    place = folder / f"{number}"
    place.mkdir()
    batches = source.batches(_Part(intake, place))
    first = next((batch for batch in batches if batch.num_rows), None)
    if first is None:
        raise DataError(f"{source.title} has no rows", expected="at least one", action="Check what wrote it")
    file = folder / f"{number}.parquet"
    with parquet.ParquetWriter(file, first.schema, compression="zstd") as writer:  # pyright: ignore
        writer.write_batch(first)
        for batch in batches:
            writer.write_batch(batch)
    text = str(file).replace("'", "''")
    connection.execute(f"CREATE VIEW t{number} AS SELECT * FROM read_parquet('{text}', file_row_number = true)")
    return first.schema


def _require_once(connection: duckdb.DuckDBPyConnection, other: Other, number: int) -> None:
    """DataError for a key that stands in several rows: each row that finds it would be there several times."""
    names = ", ".join(_quoted(name) for name in other.on.values())
    known = " AND ".join(f"{_quoted(name)} IS NOT NULL" for name in other.on.values())
    query = f"SELECT {names}, count(*) FROM t{number} WHERE {known} GROUP BY {names} HAVING count(*) > 1 LIMIT 1"
    for *values, n_rows in connection.execute(query).fetchall():
        key = ", ".join(f"{name} = {value!r}" for name, value in zip(other.on.values(), values, strict=True))
        raise DataError(
            f"{other.source.title} has the key {key} in {n_rows} rows",
            expected="one row a key, or the rows that find it would be multiplied",
            action="Name more columns under `on`, or make it one row, such as by a query with `group by`",
        )


def _tell_unmatched(
    connection: duckdb.DuckDBPyConnection,
    intake: Intake,
    other: Other,
    number: int,
    columns: Mapping[str, tuple[str, pa.DataType]],
) -> None:
    """Note how many main rows find nothing; DataError when none finds anything."""
    tables = {columns[left][0].split(".")[0] for left in other.on}
    if tables != {"t0"}:
        return  # a key that another table brought: what finds nothing there is counted there
    same = " AND ".join(f"{columns[left][0]} = o.{_quoted(right)}" for left, right in other.on.items())
    query = f"SELECT count(*), count(*) FILTER (o.file_row_number IS NULL) FROM t0 LEFT JOIN t{number} o ON {same}"
    [(n_rows, n_missing)] = connection.execute(query).fetchall()
    if n_missing == n_rows:
        raise DataError(
            f"No row finds its own in {other.source.title}",
            expected=f"equal values of {', '.join(f'{left!r} and {right!r}' for left, right in other.on.items())}",
            found=f"none in {n_rows:,} rows",
            action="Check `on`, and whether both write the key in the same way",
        )
    if n_missing:
        done = "are left out" if other.join == "inner" else "have missing values there"
        intake.note("missing", f"{n_missing:,} rows find nothing in {other.source.title} and {done}", n_missing)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _schema(columns: Mapping[str, pa.DataType]) -> pa.Schema:
    """The columns as a schema."""
    import pyarrow as pa

    return pa.schema(list(columns.items()))
