"""Tables and queries: types that change under way, rows that are lost or taken twice, passwords in messages."""

from __future__ import annotations

import datetime as dt
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from pydantic import ValidationError

from tasks.collect import collect
from tasks.core import store
from tasks.core.errors import DataError, ProjectError, Unavailable
from tasks.core.intake import Intake
from tasks.sources import patience
from tasks.sources.sql import Sql

pytestmark = pytest.mark.usefixtures("open_store")

Write = Callable[..., None]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rows.sqlite"


@pytest.fixture
def write(file: Path) -> Write:
    """Run a statement in the SQLite file, once for each of the rows when there are any."""

    def execute(statement: str, *rows: tuple[Any, ...]) -> None:
        with closing(sqlite3.connect(file)) as connection:
            connection.executemany(statement, rows) if rows else connection.execute(statement)
            connection.commit()

    return execute


def read(source: Sql, anew: bool = False) -> pl.DataFrame:
    return store.scan(collect.fn(source, anew)).collect()  # type: ignore[arg-type]


# The types of SQLite, where each value has its own


def test_a_later_value_of_another_type_breaks_the_reading_or_is_lost(file: Path, write: Write) -> None:
    write("create table t (i integer, f integer, x integer, d date, m timestamp, empty integer, b boolean, raw blob)")
    late = 4_000  # in a later batch than the first
    rows = [(i, i, i, "2024-02-29", "2024-02-29T12:30:00Z", None, i % 2, b"\xff") for i in range(late)]
    write("insert into t values (?, ?, ?, ?, ?, ?, ?, ?)", *rows)
    write("insert into t values (7, 0.5, 'seven', null, null, null, null, null)")
    frame = read(Sql(path=file))
    assert frame.schema == {
        **{"i": pl.Int64, "f": pl.Float64, "x": pl.String, "d": pl.Date, "m": pl.Datetime("us")},
        **{"empty": pl.Int64, "b": pl.Boolean, "raw": pl.Binary},
    }
    assert frame["f"].to_list() == [*map(float, range(late)), 0.5]
    assert frame["x"].to_list() == [*map(str, range(late)), "seven"]
    assert frame.row(1)[3:] == (dt.date(2024, 2, 29), dt.datetime(2024, 2, 29, 12, 30), None, True, b"\xff")  # noqa: DTZ001


def test_a_text_that_is_no_date_after_all_is_changed(file: Path, write: Write) -> None:
    write("create table t (day date)")
    write("insert into t values (?)", *[("2024-01-01 10:00",)] * 3_000, ("unknown",))
    assert read(Sql(path=file))["day"].unique().sort().to_list() == ["2024-01-01 10:00", "unknown"]


def test_bytes_among_texts_are_taken_for_text(file: Path, write: Write) -> None:
    write("create table t (a)")
    write("insert into t values (?)", (b"\xff",), ("x",), (1,))
    with pytest.raises(DataError, match="'a' mixes bytes"):
        read(Sql(path=file))


# What a query may say


def test_a_colon_a_percent_sign_or_a_comment_is_no_text_any_more(file: Path, write: Write) -> None:
    write("create table t (a text, n integer)")
    write("insert into t values (?, ?)", ("10 :b%", 1), ("x;y", 2))
    query = "select a, n -- all\nfrom t where a like '% :b%' or a = 'x;y'; -- the end"
    with pytest.raises(ValidationError):  # a comment behind the end is a second statement to some databases
        Sql(path=file, query=query.replace("; --", "; select 1 --"))
    for watermark in (None, "n"):
        assert read(Sql(path=file, query=query, watermark=watermark))["n"].to_list() == [1, 2]


@pytest.mark.parametrize(
    "said",
    [
        {"query": "delete from t"},
        {"query": "select 1; drop table t"},
        {"query": "select 1", "table": "t"},
        {"url": "postgresql://u:s3cret@h/d", "query": "select 1"},
    ],
)
def test_something_else_than_one_reading_is_accepted(said: dict[str, str], file: Path) -> None:
    with pytest.raises(ValidationError):
        Sql.model_validate({"path": file, **said})


def test_a_query_writes(file: Path, write: Write) -> None:
    write("create table t (a)")
    with pytest.raises(DataError):
        read(Sql(path=file, query="with x as (select 1) insert into t select * from x"))
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("select count(*) from t").fetchone() == (0,)


@pytest.mark.parametrize(
    ("query", "message"), [("select a, a from t", "columns of the same name"), ("select a from t", "mixes bytes")]
)
def test_a_reading_that_failed_keeps_the_file_locked(query: str, message: str, file: Path, write: Write) -> None:
    write("create table t (a)")
    write("insert into t values (?)", *[("x",)] * 3_000, (b"\xff",), *[("x",)] * 30_000)
    with pytest.raises(DataError, match=message) as failure:
        read(Sql(path=file, query=query))
    write("delete from t")
    assert failure.value.__traceback__, "the error is still held, as by a flow that tries again"


@pytest.mark.parametrize("watermark", [None, "a"])
def test_a_join_without_its_condition_hangs(
    watermark: str | None, file: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("create table t (a integer)")
    write("insert into t values (?)", *[(i,) for i in range(10_000)])
    monkeypatch.setattr(patience, "LONGEST", 0.3)
    query = "select count(*) as a from t, t as u, t as v where t.a + u.a + v.a = -1"
    with pytest.raises(DataError, match=r"rows.sqlite gives no row: expected one within 0.3 s, found none"):
        read(Sql(path=file, query=query, watermark=watermark))


def test_a_slow_consumer_is_taken_for_a_slow_query(file: Path, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("create table t (a integer)")
    write("insert into t values (?)", *[(i,) for i in range(50_000)])
    hours = 0.0
    monkeypatch.setattr(patience, "STEPS", 100)
    monkeypatch.setattr(patience, "monotonic", lambda: hours)
    n_rows = 0
    # With the schema told, a batch is handed on while the query still runs.
    for batch in Sql(path=file, query="select a from t").batches(Intake(schema=pa.schema([("a", pa.int64())]))):
        n_rows += batch.num_rows
        hours += 2 * patience.LONGEST
    assert n_rows == 50_000


def test_ctrl_c_does_not_stop_a_query(file: Path, write: Write) -> None:
    write("create table t (a integer)")
    write("insert into t values (?)", *[(i,) for i in range(10_000)])
    query = "select count(*) as a from t, t as u, t as v where t.a + u.a + v.a = -1"
    timer = threading.Timer(0.5, signal.raise_signal, [signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        read(Sql(path=file, query=query))
    timer.join()


def test_a_wrong_name_is_a_riddle(file: Path, write: Write) -> None:
    write("create table flights (a, updated)")
    write("create table planes (a)")
    for said, message in (
        ({"table": "flihgts"}, "Perhaps 'flights' is meant"),
        ({"query": "select * from plane"}, "no such table: plane. Perhaps 'planes' is meant"),
        ({"query": "select nought from planes"}, "no such column: nought"),
        ({"query": "select a, a from planes"}, "columns of the same name"),
        ({"table": "flights", "watermark": "update"}, "Perhaps 'updated' is meant"),
        ({}, "has 2 tables.*flights, planes"),
    ):
        with pytest.raises(DataError, match=message):
            read(Sql.model_validate({"path": file, **said}))
    with pytest.raises(DataError, match=r"Perhaps 'rows.sqlite' is meant"):
        read(Sql(path=file.with_name("row.sqlite"), table="t"))
    with pytest.raises(ProjectError, match=r"Write `path: x.sqlite`"):
        read(Sql(url="sqlite:///x.sqlite", table="t"))
    file.write_text("this is no database")
    with pytest.raises(DataError, match=r"found file is not a database\. Copy the file anew"):
        read(Sql(path=file, table="t"))
    with pytest.raises(DataError, match="is a folder: expected a file"):
        read(Sql(path=file.parent, table="t"))


def test_a_password_or_a_missing_package_is_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PG_PASSWORD", "p@ss/w:rd")
    monkeypatch.setenv("ALL", "postgresql://ann:p@127.0.0.1:1/d")
    for url in ("postgresql+psycopg://p@ss%2Fw:${PG_PASSWORD}@127.0.0.1:1/p@ss", "${ALL}"):
        with pytest.raises(Unavailable) as found:
            read(Sql(url=url, table="t"))
        assert "p@ss/w" not in str(found.value) and "ann:p@" not in str(found.value)
    with pytest.raises(Unavailable, match="pip install 'pymysql'"):
        read(Sql(url="mysql+pymysql://u@h/d", table="t"))
    with pytest.raises(ProjectError, match="'nosuch'"):
        read(Sql(url="nosuch://u@h/d", table="t"))


# A watermark


@pytest.mark.parametrize(
    ("first", "second", "third"),
    [
        (1, 2, 3),
        (0.5, 1.25, 2.0**53),
        ("a", "b", "c"),
        ("2024-01-01 10:00:00.000001", "2024-01-01 10:00:00.000002", "2024-01-02"),
    ],
)
def test_rows_at_the_last_value_are_lost_or_taken_twice(first: Any, second: Any, third: Any, file: Path, write: Write):
    write("create table t (at, text)")
    source = Sql(path=file, watermark="at")
    write("insert into t values (?, ?)", (second, "b"), (first, "a"), (second, "b"))
    assert read(source)["text"].to_list() == ["a", "b", "b"]
    assert read(source)["text"].to_list() == ["a", "b", "b"]
    # An equal row that is one more, another of the same moment, and one behind.
    write("insert into t values (?, ?)", (second, "b"), (second, "c"), (third, "d"))
    assert read(source)["text"].to_list() == ["a", "b", "b", "b", "c", "d"]
    write("insert into t values (?, ?)", (third, "e"))
    assert sorted(read(source)["text"]) == ["a", "b", "b", "b", "c", "d", "e"]
    assert read(source).equals(read(source, anew=True))


def test_rows_of_many_batches_at_one_value_are_taken_twice(file: Path, write: Write) -> None:
    write("create table t (at integer, n integer)")
    write("insert into t values (1, ?)", *[(n,) for n in range(3_000)])
    source = Sql(path=file, watermark="at")
    read(source)
    write("insert into t values (1, ?)", *[(n,) for n in range(3_000, 5_000)])
    assert read(source)["n"].to_list() == list(range(5_000))
    assert len(read(source)) == 5_000


def test_a_row_without_watermark_is_left_out_without_a_word(file: Path, write: Write) -> None:
    write("create table t (at integer, n integer)")
    source = Sql(path=file, watermark="at")
    write("insert into t values (1, 1)")
    read(source)
    write("insert into t values (null, 2)")
    with pytest.raises(DataError, match=r"rows without 'at'.*coalesce\(at"):
        read(source)
    assert len(read(Sql(path=file, query="select coalesce(at, 0) as at, n from t", watermark="at"))) == 2


def test_new_rows_change_the_type_of_the_old_ones(file: Path, write: Write) -> None:
    write("create table t (at integer, n integer, day)")
    write("insert into t values (1, 1, '2024-01-01')")
    source = Sql(path=file, watermark="at")
    read(source)
    write("insert into t values (2, null, '2024-01-02')")
    assert read(source)["n"].to_list() == [1, None]
    write("insert into t values (3, 0.5, '2024-01-02')")
    with pytest.raises(DataError, match=r"column 'n': expected int64, found double.*--recollect"):
        read(source)
    assert read(source, anew=True)["n"].to_list() == [1.0, None, 0.5]


# PostgreSQL


@pytest.fixture
def execute(postgres: str) -> Iterator[Callable[[str], None]]:
    import psycopg

    with psycopg.connect(postgres, autocommit=True) as connection:
        yield lambda statement: connection.execute(statement) and None  # type: ignore[arg-type]
        connection.execute("drop schema public cascade; create schema public")


@pytest.mark.slow
def test_a_type_of_postgres_is_not_kept(postgres: str, execute: Callable[[str], None]) -> None:
    execute("""create table t (b boolean, i smallint, n numeric, x numeric, f real, d date, z timestamptz, m timestamp,
               u uuid, j json, a int[], raw bytea, v interval, empty int, "Größe" text)""")
    execute("""insert into t values (true, 1, 1.50, 'NaN', 0.5, '2024-02-29', '2024-02-29 12:00:00.000001+02',
               '2024-02-29 12:00', '00000000-0000-0000-0000-000000000001', '{"a": [1, "é"]}', '{1,2}', '\\xff', '1 day',
               null, 'é :x %s')""")
    execute("insert into t select null from generate_series(1, 3000)")
    frame = read(Sql(url=postgres, table="public.t"))
    assert len(frame) == 3_001 and frame[1:].null_count().row(0) == (3_000,) * 15
    values = dict(zip(frame.columns, frame.row(0), strict=True))
    assert str(values.pop("x")) == "nan"
    assert values == {
        **{"b": True, "i": 1, "n": 1.5, "f": 0.5, "d": dt.date(2024, 2, 29)},
        "z": dt.datetime(2024, 2, 29, 10, 0, 0, 1),  # noqa: DTZ001
        "m": dt.datetime(2024, 2, 29, 12),  # noqa: DTZ001
        **{"u": "00000000-0000-0000-0000-000000000001", "j": '{"a": [1, "é"]}', "a": "[1, 2]", "raw": b"\xff"},
        **{"v": "1 day, 0:00:00", "empty": None, "Größe": "é :x %s"},
    }
    assert frame.schema["empty"] == pl.Int64
    assert read(Sql(url=postgres, query='select "Größe" from t where "Größe" like \'%:x %\''))["Größe"].len() == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("timestamptz", ("2024-01-01 10:00:00.000001+02", "2024-01-01 10:00:00.000002+02", "2024-03-01 00:00+01")),
        ("timestamp", ("2024-01-01 10:00:00.000001", "2024-01-01 10:00:00.000002", "2024-03-01")),
        ("date", ("2024-01-01", "2024-01-02", "2024-01-03")),
        ("numeric", ("1.10", "1.2", "9007199254740993")),
        ("bigint", ("1", "2", "9007199254740993")),
        ("real", ("0.1", "0.2", "0.3")),
    ],
)
def test_rows_of_postgres_are_lost_or_taken_twice(
    kind: str, values: tuple[str, ...], postgres: str, execute: Callable[[str], None]
) -> None:
    execute(f'create table t ("At" {kind}, n int)')
    first, second, third = values
    execute(f"insert into t values ('{first}', 1), ('{second}', 2), ('{second}', 2)")
    source = Sql(url=postgres, table="t", watermark="At")
    assert read(source)["n"].to_list() == [1, 2, 2]
    execute(f"insert into t values ('{second}', 2), ('{second}', 3), ('{third}', 4)")
    execute("alter role postgres set timezone to 'Asia/Tokyo'")
    assert sorted(read(source)["n"]) == [1, 2, 2, 2, 3, 4]
    assert sorted(read(source)["n"]) == [1, 2, 2, 2, 3, 4]
    execute("alter role postgres reset timezone")


@pytest.mark.slow
def test_a_failing_postgres_writes_or_tells_too_little(postgres: str, execute: Callable[[str], None]) -> None:
    execute("create table flights (a int)")
    for query, message in (
        ("select * from flihgts", "Perhaps 'flights' is meant"),
        ("select b from flights", 'column "b" does not exist'),
        ("select 1 / a as x from flights", "division by zero"),
        ("with x as (insert into flights values (2) returning a) select * from x", "cannot be read"),
        ("select setval('s', 2)", "cannot be read"),
    ):
        execute("delete from flights; insert into flights values (0)")
        with pytest.raises(DataError, match=message):
            read(Sql(url=postgres, query=query))
    assert list(Sql(url=postgres, query="select * from flights where false").batches(Intake())) == []
