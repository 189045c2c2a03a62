"""Seconds and peak memory of collecting a JSON lines file, over pandas, pyarrow and polars only reading it.

    .venv/bin/python benchmarks/jsonl.py [--rows 5000000] [--rounds 1]

The file has 8 columns (numbers, text, truth values, a date) and is made in a temporary folder (136 bytes a row). Each
way runs in a process of its own, in turn; imports are not timed, medians are printed. Exits with 1 when collect takes
more than 3 times as long as the fastest reader, or more than 1.5 GB.
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
WAYS = ("pandas", "pyarrow", "polars", "collect")


def write_jsonl(path: Path, n_rows: int) -> None:
    """Two whole numbers, two others, texts of 500 and 5,000 levels, a truth value, and a date as text."""
    import numpy as np
    import polars as pl

    rng = np.random.default_rng(0)
    cities, notes = np.array([f"city {i}" for i in range(500)]), np.array([f"a note {i} on it" for i in range(5000)])
    with path.open("wb") as file:
        for start in range(0, n_rows, 250_000):
            n = min(250_000, n_rows - start)
            pl.DataFrame(
                {
                    "id": np.arange(start, start + n),
                    "amount": rng.normal(size=n).round(4),
                    "share": rng.random(n).round(6),
                    "count": rng.integers(0, 1000, n),
                    "city": cities[rng.integers(0, 500, n)],
                    "note": notes[rng.integers(0, 5000, n)],
                    "paid": rng.random(n) < 0.5,
                    "day": (np.datetime64("2020-01-01") + rng.integers(0, 1500, n)).astype(str),
                }
            ).write_ndjson(file)


def ready(way: str, path: Path, folder: Path) -> Callable[[], object]:
    """What the way does, with everything imported that it needs."""
    import pandas
    import polars
    from pyarrow import json as pajson
    from pyarrow import parquet  # noqa: F401

    from tasks.collect import collect
    from tasks.core import store
    from tasks.sources import Jsonl

    def work() -> object:
        with store.opened(folder / "home"):
            return collect.fn(Jsonl(path=path))

    return {
        "pandas": lambda: pandas.read_json(path, lines=True),
        "pyarrow": lambda: pajson.read_json(path),
        "polars": lambda: polars.read_ndjson(path),
        "collect": work,
    }[way]


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
    parser.add_argument("--ways", nargs="+", default=WAYS, help="pandas takes 20 times as long and much memory")
    parser.add_argument("--run", nargs=2, metavar=("WAY", "FILE"), help=argparse.SUPPRESS)
    said = parser.parse_args()
    if said.run:
        run(said.run[0], Path(said.run[1]))
        return 0
    found: dict[str, list[dict[str, float]]] = {way: [] for way in said.ways}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        write_jsonl(path, said.rows)
        print(f"{said.rows:,} rows x 8 columns, {path.stat().st_size / 1e6:,.0f} MB of JSON lines")
        for _ in range(said.rounds):
            for way in said.ways:
                command = [sys.executable, __file__, "--run", way, str(path)]
                answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
                found[way].append(json.loads(answer.splitlines()[-1]))
    medians = {way: statistics.median(each["seconds"] for each in rounds) for way, rounds in found.items()}
    base = min(seconds for way, seconds in medians.items() if way != "collect")
    held = True
    for way, rounds in found.items():
        peak = max(each["gigabytes"] for each in rounds)
        held &= way != "collect" or (medians[way] / base <= RATIO and peak <= PEAK)
        print(f"{way:<18}{medians[way]:8.2f} s{medians[way] / base:8.2f} x{peak:8.2f} GB")
    print(f"wanted: collect at most {RATIO} x the fastest reader and {PEAK} GB: {'held' if held else 'NOT held'}")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
