"""Tables of another age, two who open at once or write at once, and failures that tell a password."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from contextvars import copy_context
from pathlib import Path

import pytest
from sqlalchemy import text

from tasks.core import database, ledger
from tasks.core.errors import Unavailable, UsageError

OLD_LEDGER = """create table ledger (id {serial} primary key, at {moment} not null, project varchar(200) not null,
    decision varchar(20) not null, version varchar(40) not null, digest varchar(64) not null, previous varchar(40),
    evidence text not null)"""
"""As it was before there were versions of the tables."""


def execute(url: str, *statements: str) -> None:
    """Run the statements in a database that keepfit has not opened yet."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
            for statement in statements:
                connection.execute(statement)
        return
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def forget(url: str) -> None:
    """Open the database anew when it is next asked, as another process would."""
    database.engine(url).dispose()
    database._engine.cache_clear()


def test_an_old_ledger_is_lost_or_left_without_numbers(database_url: str) -> None:
    sqlite = database_url.startswith("sqlite")
    row = "insert into ledger (at, project, decision, version, digest, previous, evidence) values"
    execute(
        database_url,
        OLD_LEDGER.format(serial="integer" if sqlite else "serial", moment="timestamp" if sqlite else "timestamptz"),
        "create index ix_ledger_project on ledger (project)",
        f"""{row} ('2026-01-02 03:04:05.000000', 'ship', 'champion', '1', 'aa', null, '{{"cause": "manual"}}'),
                  ('2026-01-03 03:04:05.000000', 'boat', 'champion', '1', 'bb', null, '{{"cause": "drift"}}'),
                  ('2026-01-04 03:04:05.000000', 'ship', 'refused', '2', 'cc', '1', '{{"reasons": ["worse"]}}')""",
    )
    newest, first = ledger.entries("ship")
    assert (first.number, first.decision, first.version, first.cause, first.actor, first.why) == (
        *(1, "champion", "1", "manual", ""),
        "",
    )
    assert (newest.number, newest.previous, newest.evidence["reasons"]) == (2, "1", ["worse"])
    assert [entry.number for entry in ledger.entries("boat")] == [1]
    assert ledger.append("ship", "champion", "2", "cc", previous="1").number == 3
    with pytest.raises(Exception, match=r"(?i)unique"), database.writing() as connection:
        connection.execute(text("update ledger set number = 2 where project = 'ship' and number = 3"))


def test_tables_of_a_newer_keepfit_are_written_into(database_url: str) -> None:
    database.identity()
    with database.writing() as connection:
        connection.execute(text("update schema_version set version = 99"))
    forget(database_url)
    for _ in range(2):
        with pytest.raises(Unavailable, match=r"newer keepfit: expected .* 3 at most, found version 99\. Update"):
            ledger.entries("ship")


def test_a_database_has_one_identity_of_its_own(database_url: str) -> None:
    before = database.identity()
    forget(database_url)
    assert database.identity() == before and len(before) == 36


def test_writers_at_once_fail_or_take_the_same_number(database_url: str) -> None:
    with ThreadPoolExecutor(4) as threads:
        calls = [threads.submit(copy_context().run, ledger.append, "ship", "refused", str(n), "aa") for n in range(40)]
        for call in calls:
            call.result()
    entries = ledger.entries("ship")
    assert [entry.number for entry in entries] == [*range(40, 0, -1)]
    assert sorted(int(entry.version) for entry in entries) == [*range(40)]


@pytest.mark.slow
def test_processes_that_open_a_new_database_at_once_stumble(database_url: str, open_store: Path) -> None:
    code = """import sys; from pathlib import Path; from tasks.core import ledger, store
with store.opened(Path(sys.argv[1])):
    sys.stdin.readline(); print(ledger.append("ship", "refused", sys.argv[2], "aa").number)"""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(open_store), str(n)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | ({} if database_url.startswith("sqlite") else {"KEEPFIT_DATABASE_URL": database_url}),
        )
        for n in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    assert sorted(int(process.communicate()[0]) for process in processes) == [1, 2, 3, 4]


def test_a_reader_waits_for_a_writer_or_breaks_it(open_store: Path) -> None:
    ledger.append("ship", "champion", "1", "aa")
    with database.writing() as writer:
        writer.execute(text("update ledger set version = '2'"))
        assert ledger.entries("ship")[0].version == "1"
    with database.reading() as connection:
        pragmas = [
            connection.execute(text(f"pragma {name}")).scalar()
            for name in ("journal_mode", "busy_timeout", "foreign_keys")
        ]
    assert pragmas == ["wal", 10_000, 1]


@pytest.mark.parametrize(
    ("url", "error", "message"),
    [
        ("postgresql://ann:s3cret@127.0.0.1:1/d", Unavailable, r"ann:\*\*\*@127.0.0.1.*refused.*unset"),
        ("postgres://ann@127.0.0.1:1/d?password=s3cret", Unavailable, r"postgresql\+psycopg://ann@.*refused"),
        ("mysql+pymysql://ann:s3cret@h/d", Unavailable, "pip install 'pymysql'"),
        ("nosuch://ann:s3cret@h/d", UsageError, "KEEPFIT_DATABASE_URL names a database that is not known.*'nosuch'"),
        ("s3cret", UsageError, "no address of a database"),
        ("sqlite:////no such folder/keepfit.db", Unavailable, "unable to open database file.*Check that its folder"),
    ],
)
def test_a_wrong_address_is_a_traceback_or_tells_the_password(
    url: str, error: type[Exception], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEEPFIT_DATABASE_URL", url)
    with pytest.raises(error, match=message) as found:
        ledger.entries("ship")
    assert "s3cret" not in str(found.value)
    assert found.value.__cause__ is None or "s3cret" not in str(found.value.__cause__)


def test_a_damaged_file_is_a_traceback(open_store: Path) -> None:
    (open_store / "keepfit.db").write_text("this is no database, however long it may be")
    with pytest.raises(Unavailable, match="file is not a database"):
        ledger.entries("ship")
