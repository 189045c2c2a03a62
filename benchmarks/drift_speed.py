"""Seconds to compare a window with its reference: keepfit's columns and pairs over peers' columns alone.

    .venv/bin/python benchmarks/drift_speed.py [--rows 100000 1000000] [--rounds 3] [--peers scipy nannyml evidently]
        [--venvs FOLDER] [--parts 0]

Twenty mixed columns (12 numbers, 8 categories). keepfit has its reference stored, as it has in use; `measure` is the
window's one pass, `judge` the report with the promise. scipy is a plain loop of KS and chi-square over both frames.
NannyML (univariate drift, one chunk) and Evidently (its drift preset) run in environments of their own, made in --venvs
and kept. Also: rows from a Parquet file against the time that pyarrow needs to read them, the most memory that a window
takes, and --parts N: N million rows made and measured part by part. One thread each. Processor's seconds, medians.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(threads, "1")
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

PEERS = {"nannyml": ["nannyml", "statsmodels", "setuptools<81"], "evidently": ["evidently", "pandas<3"], "scipy": []}
WANTED = {"scipy": 10.0, "nannyml": 40.0, "evidently": 100.0}

PEER_CODE = {
    "scipy": """
def compare(reference, current):
    import numpy as np
    from scipy import stats
    found = []
    for name in reference.columns:
        a, b = reference[name].dropna(), current[name].dropna()
        if name.startswith("number"):
            found.append(stats.ks_2samp(a, b).pvalue)
        else:
            counts = [x.value_counts() for x in (a, b)]
            levels = sorted(set(counts[0].index) | set(counts[1].index))
            table = np.array([[c.get(level, 0) for level in levels] for c in counts])
            found.append(stats.chi2_contingency(table)[1])
    return found
""",
    "nannyml": """
def compare(reference, current):
    import nannyml
    return nannyml.UnivariateDriftCalculator(
        column_names=list(reference.columns), chunk_number=1,
        continuous_methods=["jensen_shannon"], categorical_methods=["jensen_shannon"],
    ).fit(reference).calculate(current).to_df()
""",
    "evidently": """
def compare(reference, current):
    from evidently import Report, Dataset, DataDefinition
    from evidently.presets import DataDriftPreset
    numbers = [n for n in reference.columns if n.startswith("number")]
    others = [n for n in reference.columns if n not in numbers]
    kinds = DataDefinition(numerical_columns=numbers, categorical_columns=others)
    report = Report([DataDriftPreset()])
    return report.run(Dataset.from_pandas(current, kinds), Dataset.from_pandas(reference, kinds)).dict()
""",
}
RUN = """
import os, sys, time, warnings
warnings.simplefilter("ignore")
import pandas as pd
{code}
reference, current = pd.read_parquet(sys.argv[1]), pd.read_parquet(sys.argv[2])
names = [name for name in reference if name != "__time__"]
kinds = {{name: object for name in names if name.startswith("category")}}
reference, current = (frame[names].astype(kinds) for frame in (reference, current))
small = current.head(500)
compare(small, small)
for _ in range(int(sys.argv[3])):
    wall, cpu = time.perf_counter(), time.process_time()
    compare(reference, current)
    print(time.process_time() - cpu, time.perf_counter() - wall, flush=True)
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", type=int, default=[100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", nargs="*", default=["scipy"])
    parser.add_argument("--venvs", type=Path, default=Path(tempfile.gettempdir()) / "keepfit drift peers")
    parser.add_argument("--parts", type=int, default=0)
    given = parser.parse_args()
    import pyarrow as pa
    import pyarrow.parquet as pq

    pa.set_cpu_count(1)
    missed = False
    for rows in given.rows:
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder) / name for name in ("reference.parquet", "current.parquet")]
            for seed, path in enumerate(paths):
                pq.write_table(table(rows, seed), path)
            ours = keepfit(paths, given.rounds)
            print(
                f"\n{rows:,} rows x 20: " + ", ".join(f"{name} {value:.3f}" for name, value in ours.items()), flush=True
            )
            for peer in given.peers:
                seconds = asked(peer, paths, given.venvs, given.rounds)
                ratio = seconds / (ours["measure"] + ours["judge"])
                missed |= ratio < WANTED[peer]
                print(f"  {peer}: {seconds:.2f} s, {ratio:.0f} times (wanted {WANTED[peer]:g})", flush=True)
    if given.parts:
        parts(given.parts)
    return int(missed)


def table(rows: int, seed: int) -> Any:
    """A thousand rows a day of the mixed columns, at most 90 different days; categories as plain strings."""
    import numpy as np
    import pyarrow as pa
    from streams import STREAMS, Source

    day_rows = max(rows // 90, 1_000)
    batches = []
    for day in Source(STREAMS["S1"], np.random.default_rng(seed)).days(-(-rows // day_rows), day_rows):
        dated = day.dated()
        plain = [c.cast("string") if pa.types.is_dictionary(c.type) else c for c in dated.columns]
        batches.append(pa.record_batch(plain, names=dated.schema.names))
    return pa.Table.from_batches(batches).slice(0, rows)


def timed(work: Callable[[], Any], rounds: int) -> float:
    """The median of the processor's seconds."""
    found = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return statistics.median(found)


def keepfit(paths: list[Path], rounds: int) -> dict[str, float]:
    """Seconds of each part, and MB of the most memory that numpy and pyarrow hold beyond the rows."""
    import tracemalloc

    import pyarrow as pa
    import pyarrow.parquet as pq
    from streams import KINDS

    from tasks.monitoring.checking import promise
    from tasks.monitoring.daily import daily
    from tasks.monitoring.judging import judge
    from tasks.monitoring.profile import from_bytes, to_bytes
    from tasks.monitoring.reference import Reference

    columns = list(KINDS)
    start = time.process_time()
    levels = [name for name in columns if KINDS[name] == "category"]
    reference = Reference.build(lambda: pq.ParquetFile(paths[0], read_dictionary=levels).iter_batches(), KINDS)
    built = time.process_time() - start
    content = to_bytes(reference)
    reference = from_bytes(content)
    batches = pq.read_table(paths[1], columns=columns).to_batches()
    window = daily(reference.cells, batches)
    words = promise(reference)
    judge(reference, [window], words=words)

    def read() -> None:
        for batch in pq.ParquetFile(paths[1]).iter_batches(columns=columns, batch_size=65_536, use_threads=False):
            del batch

    def read_and_measure() -> None:
        file = pq.ParquetFile(paths[1], read_dictionary=levels)
        daily(reference.cells, file.iter_batches(columns=columns, batch_size=65_536, use_threads=False))

    seconds = {
        "build": built,
        "measure": timed(lambda: daily(reference.cells, batches), rounds),
        "judge": timed(lambda: judge(reference, [window], words=words), rounds),
        "read": timed(read, rounds),
        "read and measure": timed(read_and_measure, rounds),
    }
    seconds["over reading"] = seconds["read and measure"] / seconds["read"]
    pool = pa.default_memory_pool()
    before = pool.bytes_allocated()
    tracemalloc.start()
    daily(reference.cells, batches)
    seconds["extra MB"] = tracemalloc.get_traced_memory()[1] / 1e6 + max(pool.bytes_allocated() - before, 0) / 1e6
    tracemalloc.stop()
    seconds["profile KB"] = len(content) / 1e3
    return seconds


def asked(peer: str, paths: list[Path], venvs: Path, rounds: int) -> float:
    """The peer's median of processor's seconds, in an environment of its own (scipy: in this one)."""
    python = environment(peer, venvs) if PEERS[peer] else Path(sys.executable)
    command = [str(python), "-c", RUN.format(code=PEER_CODE[peer]), *map(str, paths), str(rounds)]
    columns = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip().splitlines()
    return statistics.median(float(line.split()[0]) for line in columns[-rounds:])


def environment(name: str, venvs: Path) -> Path:
    """The Python of an environment with the peer."""
    folder = venvs / name
    if not (folder / ".complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        uv = str(Path(sys.executable).with_name("uv"))
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
        python = str(folder / "bin" / "python")
        subprocess.run([uv, "pip", "install", "--quiet", "--python", python, *PEERS[name], "pyarrow"], check=True)
        (folder / ".complete").touch()
    return folder / "bin" / "python"


def parts(millions: int) -> None:
    """Measure so many million rows, each part made when it is wanted, and print the most memory of the process."""
    from streams import KINDS

    from tasks.monitoring.daily import daily
    from tasks.monitoring.reference import Reference

    one = table(1_000_000, 3).combine_chunks().to_batches()
    reference = Reference.build(lambda: one, KINDS)

    def rows() -> Iterator[Any]:
        for part in range(millions):
            for batch in one:
                yield batch.slice(part % 7)

    start = time.process_time()
    window = daily(reference.cells, rows())
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{window.n_rows:,} rows by parts: {time.process_time() - start:.0f} s, {most:.2f} GB at most", flush=True)


if __name__ == "__main__":
    sys.exit(main())
