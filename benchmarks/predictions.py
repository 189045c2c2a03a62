"""What the prediction log costs: microseconds to append a row of 20 columns, rows a second to compact and to read.

    python benchmarks/predictions.py [--rows 1000000]

Each part runs in a process of its own, which reports its peak memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tasks.core.predictions import layout
from tasks.core.predictions.segment import Header, Segment, rows_frame
from tasks.core.records import Column

SINCE = datetime(2026, 3, 5, tzinfo=UTC)
STEP_US = 1_000
COLUMNS = tuple(Column(name=f"c{i}", type="text" if i % 3 == 0 else "number", n_missing=0) for i in range(20))
ROW = tuple(f"value {i}" if i % 3 == 0 else 1.5 * i for i in range(20))


def header() -> Header:
    facts: dict[str, Any] = {"version": "1", "digest": "5f" * 32, "role": "champion", "problem": "binary"}
    return Header(project="shop", columns=COLUMNS, classes=("no", "yes"), prefix="a1b2c3d4e5f6", **facts)


def append(home: Path, n_rows: int) -> dict[str, float]:
    segment = Segment.create(layout.folder_of(home, "shop"), header())
    start_us = int(SINCE.timestamp() * 1e6)
    took: list[float] = []
    for first in range(n_rows):
        row = (*ROW[:-1], first / 7)
        began = time.perf_counter_ns()
        segment.append(
            rows_frame(first, start_us + first * STEP_US, 800, [row], [[0.25, first / n_rows]], ["yes"], None)
        )
        took.append((time.perf_counter_ns() - began) / 1e3)
    segment.close()
    took.sort()
    began = time.perf_counter()
    for first in range(100_000):
        rows_frame(first, start_us, 800, [ROW], [[0.25, 0.75]], ["yes"], None)
    frame = (time.perf_counter() - began) * 10
    return {"frame, µs": frame, "append, median µs": took[n_rows // 2], "append, p99 µs": took[n_rows * 99 // 100]}


def compaction(home: Path, n_rows: int) -> dict[str, float]:
    from tasks.core.predictions.compaction import compact

    return rate(n_rows, lambda: compact(layout.folder_of(home, "shop"), now=SINCE))


def merging(home: Path, n_rows: int) -> dict[str, float]:
    from tasks.core.predictions.compaction import compact

    return rate(n_rows, lambda: compact(layout.folder_of(home, "shop")))


def read_all(home: Path, n_rows: int) -> dict[str, float]:
    from tasks.core.predictions import reading

    return rate(n_rows, lambda: sum(batch.num_rows for batch in reading.read(home, "shop")))


def read_window(home: Path, n_rows: int) -> dict[str, float]:
    from tasks.core.predictions import reading

    middle = SINCE + timedelta(microseconds=n_rows // 2 * STEP_US)
    until = middle + timedelta(microseconds=n_rows // 10 * STEP_US)
    return rate(n_rows // 10, lambda: sum(batch.num_rows for batch in reading.read(home, "shop", middle, until)))


def rate(n_rows: int, work: Callable[[], Any]) -> dict[str, float]:
    import pyarrow.compute
    import pyarrow.parquet  # noqa: F401

    cpu, began = time.process_time(), time.perf_counter()
    work()
    took = time.perf_counter() - began
    return {"rows/s": n_rows / took, "CPU, µs a row": (time.process_time() - cpu) / n_rows * 1e6}


PARTS = {
    "append": append,
    "read segments": read_all,
    "compact": compaction,
    "merge a day": merging,
    "read Parquet": read_all,
    "read a tenth": read_window,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--part", choices=[*PARTS])
    parser.add_argument("--home", type=Path)
    given = parser.parse_args()
    if given.part:
        found = PARTS[given.part](given.home, given.rows)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(found | {"peak, MB": peak}))
        return
    with tempfile.TemporaryDirectory() as home:
        for part in PARTS:
            command = [sys.executable, __file__, "--part", part, "--home", home, "--rows", str(given.rows)]
            answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            figures = {
                name: f"{value:,.2f}" if value < 100 else f"{value:,.0f}" for name, value in json.loads(answer).items()
            }
            print(f"{part:14}", "  ".join(f"{name} {value}" for name, value in figures.items()), flush=True)
        sizes = {path.suffix: path.stat().st_size for path in Path(home).rglob("*.parquet")}
        print("Parquet, bytes a row", round(sum(sizes.values()) / given.rows, 1))


if __name__ == "__main__":
    main()
