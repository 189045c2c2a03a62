"""What scoring costs beside the model: rows a second of a batch against onnxruntime alone on the same prepared rows.

    python benchmarks/scoring.py [--rows 1000000] [--rounds 3]

A batch is read from Parquet, pinned, prepared, answered, kept, and written: all but the start of Prefect. onnxruntime
answers the matrix of the same rows, made before, in one thread and in as many as the batch has. Each part runs in a
process of its own, which reports its peak memory; the parts take turns. Exit code 1 when the bound is missed, or an
answer differs.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bulk import build, table

from tasks.batch_scoring.pinned import CHUNK
from tasks.batch_scoring.section import Wanted
from tasks.core import store
from tasks.core.roles import Roles

WANTED = 0.5
"""Of onnxruntime in one thread, as a server has it, into Parquet."""
FLAT = 1.5
"""Times the peak memory of a tenth of the rows."""
ALONE = "onnxruntime"
WAYS = {
    "into Parquet": ("answers.parquet", False),
    "into a folder": ("answers", False),
    "into CSV": ("answers.csv", False),
    "into SQLite": ("sqlite:///{folder}/answers.sqlite#answers", False),
    "into Parquet, logged": ("logged.parquet", True),
}
PART = 100_000


def rows(folder: Path, n_rows: int) -> Path:
    """A Parquet file of so many rows, of which no two are equal."""
    import pyarrow.parquet as pq

    file = folder / f"{n_rows}.parquet"
    writer = None
    for start in range(0, n_rows, PART):
        part = table(min(PART, n_rows - start), seed=start).to_arrow()
        writer = writer or pq.ParquetWriter(file, part.schema)
        writer.write_table(part)
    assert writer is not None
    writer.close()
    return file


def alone(folder: Path, file: Path, threads: int) -> float:
    """Rows a second of onnxruntime on the prepared rows."""
    import polars as pl

    from tasks.modalities.matrix import matrix
    from tasks.scoring.scorer import Scorer

    scorer = opened(folder)
    assert isinstance(scorer, Scorer)
    prepared = matrix(pl.read_parquet(file, n_rows=min(1_000_000, 10 * PART)), scorer.card.features)
    chunks = [prepared[start : start + CHUNK] for start in range(0, len(prepared), CHUNK)]
    scorer.ask(chunks[0])
    with ThreadPoolExecutor(threads) as pool:
        began = time.perf_counter()
        list(pool.map(scorer.ask, chunks))
        return len(prepared) / (time.perf_counter() - began)


def opened(folder: Path) -> object:
    from tasks.scoring.scorer import Scorer

    champion = Roles.model_validate_json((folder / "champions" / "bulk.json").read_bytes()).champion
    return Scorer.open(store.path(champion.artifact))


def batch(folder: Path, file: Path, way: str) -> float:
    """Rows a second of a batch."""
    import polars as pl

    from tasks.score import read_rows, score_rows
    from tasks.scoring.scorer import Scorer
    from tasks.serving.section import Log

    output, log = WAYS[way]
    place = output.format(folder=folder) if "://" in output else str(folder / output)
    source = {"kind": "parquet", "path": str(file)}
    wanted = Wanted.model_validate({"source": source, "output": place, "log": log})
    champion = Roles.model_validate_json((folder / "champions" / "bulk.json").read_bytes()).champion
    scorer = opened(folder)
    assert isinstance(scorer, Scorer)
    few = pl.read_parquet(file, n_rows=1_000)
    expected = scorer.predict(few)["probability_yes"]  # it imports, and is no part of what is measured
    began = time.perf_counter()
    pinned = read_rows.fn("bulk", wanted, champion, True).batch
    assert pinned is not None
    scored = score_rows.fn("bulk", wanted, pinned, champion, Log())
    seconds = time.perf_counter() - began
    assert scored.n_answered == scored.n_rows
    if way == "into Parquet":
        assert pl.read_parquet(place, n_rows=1_000)["probability_yes"].equals(expected), "the answers differ"
    return scored.n_rows / seconds


def apart(folder: Path, n_rows: int, way: str) -> tuple[float, float]:
    """Rows a second and the peak memory in MB, in a process of its own."""
    command = [sys.executable, __file__, "--folder", str(folder), "--rows", str(n_rows), "--way", way]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    rate, memory = json.loads(done.stdout)
    return rate, memory


def main() -> int:
    options = argparse.ArgumentParser()
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options.add_argument("--way", help=argparse.SUPPRESS)
    given = options.parse_args()
    cores = len(os.sched_getaffinity(0))
    if given.way:
        with store.opened(given.folder):
            file = given.folder / f"{given.rows}.parquet"
            name, _, threads = given.way.partition(" x ")
            rate = alone(given.folder, file, int(threads)) if name == ALONE else batch(given.folder, file, name)
        print(json.dumps([rate, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build(folder)
        rows(folder, given.rows)
        bar = f"{ALONE} x 1"
        ways = [bar, f"{ALONE} x {cores}", *WAYS]
        found: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
        for _ in range(given.rounds):
            for way in ways:
                found[way].append(apart(folder, given.rows, way))
        rows(folder, given.rows // 10)
        _, little = apart(folder, given.rows // 10, "into Parquet")
    print(f"{given.rows:,} rows x 20 columns, {given.rounds} rounds\n")
    print("| | rows/s | ratio, median (range) | peak MB |\n|---|---|---|---|")
    for way in ways:
        ratios = [rate / other for (rate, _), (other, _) in zip(found[way], found[bar], strict=True)]
        rate, memory = (statistics.median(values) for values in zip(*found[way], strict=True))
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"| {way} | {rate:,.0f} | {spread} | {memory:,.0f} |")
    much = statistics.median(memory for _, memory in found["into Parquet"])
    ratio = statistics.median(a / b for (a, _), (b, _) in zip(found["into Parquet"], found[bar], strict=True))
    print(f"\nWanted: into Parquet {WANTED} of {bar}, found {ratio:.2f}; ", end="")
    print(f"memory at most {FLAT} times that of a tenth of the rows ({little:,.0f} MB), found {much / little:.2f}.")
    return 0 if ratio >= WANTED and much <= FLAT * little else 1


if __name__ == "__main__":
    sys.exit(main())
