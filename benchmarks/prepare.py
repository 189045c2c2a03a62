"""Seconds and peak memory of preparing many rows, over polars by hand; and the time that one row takes in serving.

    .venv/bin/python benchmarks/prepare.py [--rows 5000000] [--rounds 1] [--ways polars keepfit scikit-learn]

20 mixed columns, one row in a hundred a repetition: deduplicated, imputed, encoded, scaled and written as Parquet.
keepfit also splits the rows, looks for hazards and fits on training rows alone. Each way runs in a process of its own,
in turn; imports are not timed, medians are printed. Then each example's rows are read and packed as the model API
does. Exits with 1 when the ratio is above 2, the peak above 2 GB, or a row of an example's table above 0.1 ms.
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
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

RATIO, PEAK, ROW_MS = 2.0, 2.0, 0.1
WAYS = ("polars", "keepfit", "scikit-learn")
TARGET = "bought"
MANY = ("c1", "c2", "c3")
CYCLES = {"day": (365.2425, 7.0), "moment": (365.2425, 7.0, 1.0)}
"""In days: what keepfit finds of these dates."""
NUMBERS = (*(f"f{i}" for i in range(8)), *(f"i{i}" for i in range(5)))


def write_rows(path: Path, n_rows: int) -> None:
    """8 float, 5 integer, 4 text columns of 5 to 5,000 levels, a day, a moment and the target; some values missing."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(0)
    writer: pq.ParquetWriter | None = None
    first: pa.Table | None = None
    for start in range(0, n_rows, 250_000):
        n = min(250_000, n_rows - start)
        missing = rng.random(n) < 0.05
        columns: dict[str, Any] = {
            f"f{i}": pa.array(rng.normal(size=n).round(6), mask=missing if i < 3 else None) for i in range(8)
        }
        columns |= {f"i{i}": pa.array(rng.integers(0, 10 ** (i + 1), n)) for i in range(5)}
        for i in range(4):
            levels = pa.array([f"level {level}" for level in range(5 * 10**i)])
            columns[f"c{i}"] = levels.take(pa.array(rng.integers(0, 5 * 10**i, n)))
        columns["day"] = pa.array(np.datetime64("2020-01-01") + rng.integers(0, 1500, n))
        columns["moment"] = pa.array(np.datetime64("2020-01-01", "us") + rng.integers(0, 10**14, n))
        columns[TARGET] = pa.array(rng.integers(0, 2, n))
        table = pa.table(columns)
        if first is None:
            first = table
        else:
            table = pa.concat_tables([table.slice(n // 100), first.slice(0, n // 100)])
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def by_polars(path: Path, output: Path) -> object:
    """The same 56 columns by hand: median and indicator, standard scores, one-hot, means of levels, waves of dates."""
    import math

    import polars as pl

    rows = pl.scan_parquet(path).unique().collect()
    rows = rows.with_columns(
        pl.col("day").cast(pl.Int32).cast(pl.Float64), pl.col("moment").cast(pl.Int64) / 86_400_000_000
    )
    numbers = [*NUMBERS, "day", "moment"]
    mean = rows[TARGET].mean()
    encoded = [
        rows.group_by(name).agg(((pl.col(TARGET).sum() + 10 * mean) / (pl.len() + 10)).alias(f"{name}_mean"))
        for name in MANY
    ]
    for name, means in zip(MANY, encoded, strict=True):
        rows = rows.join(means, on=name, how="left")
    scores = [*numbers, *(f"{name}_mean" for name in MANY)]
    missing = [pl.col(name).is_null().cast(pl.Float64).alias(f"{name} is missing") for name in ("f0", "f1", "f2")]
    levels = rows["c0"].unique().sort()
    one_hot = [(pl.col("c0") == level).cast(pl.Float64).alias(f"c0={level}") for level in levels]
    waves = [
        wave(pl.col(name) * (2 * math.pi * harmonic / days)).alias(f"{name} {days} {harmonic} {wave.__name__}")
        for name, cycles in CYCLES.items()
        for days in cycles
        for harmonic in (1, 2, 3)
        for wave in (pl.Expr.sin, pl.Expr.cos)
    ]
    made = rows.select(
        *(pl.col(name).fill_null(pl.col(name).median()) for name in scores), *missing, *one_hot, *waves, TARGET
    )
    scaled = [*scores, *(f"{name} is missing" for name in ("f0", "f1", "f2"))]
    made = made.with_columns((pl.col(name) - pl.col(name).mean()) / pl.col(name).std() for name in scaled)
    return made.write_parquet(output / "rows.parquet", compression="zstd")


def by_scikit_learn(path: Path, output: Path) -> object:
    """Without the waves, with pandas and scikit-learn's transformers, as their documentation has it."""
    import pandas as pd
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder

    rows = pd.read_parquet(path).drop_duplicates()
    rows["day"] = pd.to_datetime(rows["day"]).astype("int64")
    rows["moment"] = rows["moment"].astype("int64")
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    made = ColumnTransformer(
        [
            ("numbers", numbers, [*NUMBERS, "day", "moment"]),
            ("few", OneHotEncoder(sparse_output=False), ["c0"]),
            ("many", make_pipeline(TargetEncoder(), StandardScaler()), list(MANY)),
        ]
    ).fit_transform(rows, rows[TARGET])
    return pd.DataFrame(made).to_parquet(output / "rows.parquet", compression="zstd")


def ready(way: str, path: Path, folder: Path) -> Callable[[], object]:
    """What the way does, with everything imported that it needs."""
    if way == "polars":
        import polars

        return lambda: by_polars(path, folder)
    if way == "scikit-learn":
        import pandas  # noqa: F401
        import sklearn.compose

        return lambda: by_scikit_learn(path, folder)

    import polars  # noqa: F401
    import sklearn.compose  # noqa: F401

    from flows.commands.prepare import write
    from tasks.core import store
    from tasks.prepare import Preparation, prepare

    checked = _checked(path, folder / "home")
    section = Preparation(target=TARGET, problem="binary")

    def work() -> object:
        with store.opened(folder / "home"):
            return write(prepare.fn(checked, section), folder, seed=0, scaled=True)

    return work


def _checked(path: Path, home: Path) -> Any:
    """The rows as they lie after the first gate; collecting has a benchmark of its own."""
    from tasks.check import check
    from tasks.collect import collect
    from tasks.core import store
    from tasks.core.expectations import RawExpectations
    from tasks.sources import Parquet

    with store.opened(home):
        return check.fn(collect.fn(Parquet(path=str(path))), RawExpectations())


def one(way: str, path: Path) -> dict[str, float]:
    """Seconds and peak gigabytes of one way, in this process."""
    with tempfile.TemporaryDirectory() as folder:
        work = ready(way, path, Path(folder))
        started = time.perf_counter()
        work()
        seconds = time.perf_counter() - started
    return {"seconds": seconds, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6}


def row_times() -> dict[str, tuple[float, bool]]:
    """Microseconds to read and pack one row of each example as the API does; whether it is slow by its nature."""
    from tasks.check import check
    from tasks.collect import collect
    from tasks.core import store
    from tasks.core.model_records import ModelCard
    from tasks.prepare import prepare
    from tasks.project import load_project
    from tasks.scoring.inputs import as_json
    from tasks.serving.schema import RowSchema

    found: dict[str, tuple[float, bool]] = {}
    for file in sorted((ROOT / "data").glob("*/project.yaml")):
        with tempfile.TemporaryDirectory() as home, store.opened(Path(home)):
            project = load_project(file.parent)
            splits = prepare.fn(check.fn(collect.fn(project.source), project.expectations.raw), project.preparation)
            card = ModelCard(
                project=project.name,
                target=splits.target,
                metric="",
                inputs=splits.inputs,
                features=splits.features,
                members=(),
                data_digest="",
                sample=(),
            )
            schema = RowSchema(card)
            names = [column.name for column in splits.inputs]
            rows = store.scan(splits.test).select(names).head(200).collect()
            bodies = [row.encode() for row in as_json(rows)]
        times: list[float] = []
        for _ in range(5):
            for body in bodies:
                started = time.perf_counter()
                schema.packed(schema.read(body)[0])
                times.append(time.perf_counter() - started)
        found[project.name] = (statistics.median(times) * 1e6, schema.is_slow)
    return found


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=int, default=5_000_000)
    options.add_argument("--rounds", type=int, default=1)
    options.add_argument("--ways", nargs="+", choices=WAYS, default=["polars", "keepfit"])
    options.add_argument("--one", nargs=2, metavar=("WAY", "PATH"), help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.one:
        print(json.dumps(one(given.one[0], Path(given.one[1]))))
        return 0
    figures: dict[str, list[dict[str, float]]] = {way: [] for way in given.ways}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        write_rows(path, given.rows)
        for _ in range(given.rounds):
            for way in given.ways:
                command = [sys.executable, __file__, "--one", way, str(path)]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                figures[way].append(json.loads(done.stdout.splitlines()[-1]))
    medians = {way: statistics.median(each["seconds"] for each in found) for way, found in figures.items()}
    peaks = {way: max(each["peak"] for each in found) for way, found in figures.items()}
    base = medians.get("polars", float("nan"))
    print(f"{given.rows:,} rows x 20 columns\n\n| | seconds | ratio | peak memory |\n|---|---|---|---|")
    for way in given.ways:
        print(f"| {way} | {medians[way]:.2f} | {medians[way] / base:.2f} | {peaks[way]:.2f} GB |")
    print("\n| one row of | microseconds |\n|---|---|")
    rows = row_times()
    for name, (microseconds, slow) in rows.items():
        print(f"| {name}{' (decoded media or text)' if slow else ''} | {microseconds:.1f} |")
    bad = medians.get("keepfit", 0) > RATIO * base or peaks.get("keepfit", 0) > PEAK
    return int(bad or any(each > ROW_MS * 1e3 and not slow for each, slow in rows.values()))


if __name__ == "__main__":
    sys.exit(main())
