"""Seconds and peak memory of collecting and checking a CSV file, over pyarrow reading it and writing Parquet alone.

    .venv/bin/python benchmarks/collect.py [--rows 5000000] [--rounds 1]

The file has 20 mixed columns and is made in a temporary folder (174 bytes a row). Each way runs in a process of its
own, in turn; imports are not timed, medians are printed. Exits with 1 when a ratio is above 3 or the peak above 1.5 GB.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

RATIO = 3.0
PEAK = 1.5
WAYS = ("pyarrow", "collect", "collect and check")


def write_csv(path: Path, n_rows: int) -> None:
    """8 float, 6 integer, 4 text columns of 5 to 5,000 levels, a date and a moment; some values missing."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import csv

    rng = np.random.default_rng(0)
    with pa.OSFile(str(path), "wb") as file:
        writer: csv.CSVWriter | None = None
        for start in range(0, n_rows, 250_000):
            n = min(250_000, n_rows - start)
            missing = rng.random(n) < 0.05
            columns: dict[str, pa.Array] = {
                f"f{i}": pa.array(rng.normal(size=n).round(6), mask=missing if i < 3 else None) for i in range(8)
            }
            columns |= {f"i{i}": pa.array(rng.integers(0, 10 ** (i + 1), n)) for i in range(5)}
            for i in range(4):
                levels = pa.array([f"level {level}" for level in range(5 * 10**i)])
                columns[f"c{i}"] = levels.take(pa.array(rng.integers(0, 5 * 10**i, n)))
            columns["day"] = pa.array(np.datetime64("2020-01-01") + rng.integers(0, 1500, n))
            columns["moment"] = pa.array(np.datetime64("2020-01-01T00:00:00", "s") + rng.integers(0, 10**8, n))
            columns["bought"] = pa.array(rng.integers(0, 2, n))
            table = pa.table(columns)
            writer = writer or csv.CSVWriter(file, table.schema)
            writer.write_table(table)
        if writer is not None:
            writer.close()


def ready(way: str, path: Path, folder: Path) -> Callable[[], object]:
    """What the way does, with everything imported that it needs."""
    if way == "pyarrow":
        from pyarrow import csv, parquet

        return lambda: parquet.write_table(csv.read_csv(path), folder / "peer.parquet")

    import great_expectations  # noqa: F401
    import pandas  # noqa: F401
    import polars  # noqa: F401
    import pyarrow.csv
    import pyarrow.parquet  # noqa: F401

    from tasks.check import RawExpectations, check
    from tasks.collect import collect
    from tasks.core import store
    from tasks.sources import Csv

    def work() -> object:
        with store.opened(folder / "home"):
            dataset = collect.fn(Csv(path=path))
            return dataset if way == "collect" else check.fn(dataset, RawExpectations())

    return work


def run(way: str, path: Path) -> None:
    """Do it, and print seconds and peak as JSON."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        work = ready(way, path, Path(folder))
        started = time.perf_counter()
        work()
        seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--run", nargs=2, metavar=("WAY", "FILE"), help=argparse.SUPPRESS)
    said = parser.parse_args()
    if said.run:
        run(said.run[0], Path(said.run[1]))
        return 0
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        write_csv(path, said.rows)
        print(f"{said.rows:,} rows x 20 columns, {path.stat().st_size / 1e6:,.0f} MB of CSV")
        for _ in range(said.rounds):
            for way in WAYS:
                command = [sys.executable, __file__, "--run", way, str(path)]
                answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
                found[way].append(json.loads(answer.splitlines()[-1]))
    base = statistics.median(each["seconds"] for each in found["pyarrow"])
    held = True
    for way, rounds in found.items():
        seconds = statistics.median(each["seconds"] for each in rounds)
        peak = max(each["gigabytes"] for each in rounds)
        held &= way == "pyarrow" or (seconds / base <= RATIO and peak <= PEAK)
        print(f"{way:<18}{seconds:8.2f} s{seconds / base:8.2f} x{peak:8.2f} GB")
    print(f"wanted: at most {RATIO} x and {PEAK} GB: {'held' if held else 'NOT held'}")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
