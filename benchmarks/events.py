"""Seconds and peak memory of making rows of an event log, over the same query written for DuckDB and for polars.

    .venv/bin/python benchmarks/events.py [--events 10000000] [--entities 500000] [--rounds 1]

The log (132 bytes an event) is made in a temporary folder. Each way reads it, takes duplicates away, computes the same
27 features and a label, and writes Parquet, in a process of its own; imports are not timed, medians are printed, and
the answers are compared first. Exits with 1 when keepfit takes more than twice the faster peer, or more than 2 GB.
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
from datetime import datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

RATIO = 2.0
PEAK = 2.0
WAYS = ("duckdb", "polars", "keepfit")
AT = datetime(2025, 5, 15)  # noqa: DTZ001 - as both peers read it
DAYS = {"7d": 7, "30d": 30, "all": 36_500}
FEATURES = {
    "n": "count()",
    "n_views": "count(view)",
    "n_carts": "count(cart)",
    "spent": "sum(props.price, buy)",
    "categories": "distinct(props.category)",
    "active": "active_days()",
    "sessions": "sessions(30m)",
    "since_buy": "recency(buy)",
    "since": "recency()",
    "last_product": "last(props.product)",
}


def write_log(path: Path, n_events: int, n_entities: int) -> None:
    """Half a year of events nearly in order of time; a few entities make most of them."""
    import numpy as np

    rng = np.random.default_rng(0)
    names = np.array(["view", "view", "view", "view", "search", "cart", "buy"])
    with path.open("w") as file:
        for start in range(0, n_events, 250_000):
            n = min(250_000, n_events - start)
            entity = (rng.random(n) ** 2 * n_entities).astype(int)
            seconds = np.arange(start, start + n) / n_events * 180 * 86_400 + rng.integers(0, 3_600, n)
            moments = np.datetime_as_string(np.datetime64("2025-01-01T00:00:00") + seconds.astype("timedelta64[s]"))
            columns = (
                *(entity.tolist(), moments.tolist(), names[rng.integers(0, 7, n)].tolist()),
                *(rng.integers(0, 5_000, n).tolist(), rng.integers(0, 40, n).tolist()),
                rng.lognormal(3, 1, n).round(2).tolist(),
            )
            file.writelines(
                f'{{"user": "u{u:06d}", "ts": "{t}Z", "event": "{e}", "props": '
                f'{{"product": "p{p}", "category": "c{c}", "price": {price}}}}}\n'
                for u, t, e, p, c, price in zip(*columns, strict=True)
            )


def with_duckdb(path: Path, output: Path) -> None:
    """What one would write by hand: each aggregate over the events before the point, typed by the reader."""
    import duckdb

    def windowed(template: str) -> str:
        return ", ".join(
            template.format(filter=f"FILTER (WHERE age <= INTERVAL {days} DAY", name=name)
            for name, days in DAYS.items()
        )

    direct = windowed(
        "count(*) {filter}) AS n_{name}, count(*) {filter} AND event = 'view') AS n_views_{name}, "
        "count(*) {filter} AND event = 'cart') AS n_carts_{name}, "
        "coalesce(sum(price) {filter} AND event = 'buy'), 0) AS spent_{name}, "
        "count(DISTINCT category) {filter}) AS categories_{name}, count(DISTINCT day) {filter}) AS active_{name}"
    )
    sessions = windowed("count(*) {filter}) AS sessions_{name}, avg(length) {filter}) / 60 AS sessions_minutes_{name}")
    duckdb.execute(
        f"""
        COPY (
        WITH log AS (
            SELECT DISTINCT "user", ts, event,
                props.product AS product, props.category AS category, props.price AS price
            FROM read_json('{path}', format = 'newline_delimited', columns = {{"user": 'VARCHAR', ts: 'TIMESTAMP',
                event: 'VARCHAR', props: 'STRUCT(product VARCHAR, category VARCHAR, price DOUBLE)'}})
        ), seen AS (
            SELECT *, TIMESTAMP '{AT}' - ts AS age, (epoch_us(TIMESTAMP '{AT}' - ts) - 1) // 86400000000 AS day
            FROM log WHERE ts < TIMESTAMP '{AT}'
        ), direct AS (
            SELECT "user", {direct}, epoch(min(age) FILTER (event = 'buy')) / 86400 AS since_buy,
                epoch(min(age)) / 86400 AS since, arg_max(product, ts) AS last_product FROM seen GROUP BY "user"
        ), starts AS (
            SELECT "user", ts, age, coalesce(ts - lag(ts) OVER w > INTERVAL 30 MINUTE, true) AS starts
            FROM seen WINDOW w AS (PARTITION BY "user" ORDER BY ts)
        ), numbered AS (
            SELECT *, count(*) FILTER (starts)
                OVER (PARTITION BY "user" ORDER BY ts ROWS UNBOUNDED PRECEDING) AS session
            FROM starts
        ), lengths AS (
            SELECT "user", min(age) AS age, epoch(max(ts) - min(ts)) AS length FROM numbered GROUP BY "user", session
        ), sessions AS (SELECT "user", {sessions} FROM lengths GROUP BY "user"),
        label AS (
            SELECT DISTINCT "user", true AS bought FROM log
            WHERE event = 'buy' AND ts >= TIMESTAMP '{AT}' AND ts < TIMESTAMP '{AT}' + INTERVAL 30 DAY
        )
        SELECT * REPLACE (coalesce(bought, false) AS bought)
        FROM direct JOIN sessions USING ("user") LEFT JOIN label USING ("user") ORDER BY "user"
        ) TO '{output}' (FORMAT parquet)
        """
    )


def with_polars(path: Path, output: Path) -> None:
    """The same in polars, lazily, by its streaming engine."""
    import polars as pl

    props = pl.Struct({"product": pl.String, "category": pl.String, "price": pl.Float64})
    schema = {"user": pl.String, "ts": pl.String, "event": pl.String, "props": props}
    log = (
        pl.scan_ndjson(path, schema=schema)
        .unnest("props")
        .unique()
        .with_columns(pl.col("ts").str.to_datetime("%Y-%m-%dT%H:%M:%SZ"))
    )
    age = pl.lit(AT) - pl.col("ts")
    seen = log.filter(pl.col("ts") < AT).with_columns(age=age, day=(age.dt.total_microseconds() - 1) // 86_400_000_000)
    direct: list[pl.Expr] = []
    sessions: list[pl.Expr] = []
    for name, days in DAYS.items():
        within = pl.col("age") <= timedelta(days=days)
        direct += [
            within.sum().alias(f"n_{name}"),
            (within & (pl.col("event") == "view")).sum().alias(f"n_views_{name}"),
            (within & (pl.col("event") == "cart")).sum().alias(f"n_carts_{name}"),
            pl.col("price").filter(within & (pl.col("event") == "buy")).sum().alias(f"spent_{name}"),
            pl.col("category").filter(within).n_unique().alias(f"categories_{name}"),
            pl.col("day").filter(within).n_unique().alias(f"active_{name}"),
        ]
        length = pl.col("length").filter(within)
        sessions += [within.sum().alias(f"sessions_{name}"), (length.mean() / 60).alias(f"sessions_minutes_{name}")]
    direct += [
        (pl.col("age").filter(pl.col("event") == "buy").min().dt.total_seconds() / 86_400).alias("since_buy"),
        (pl.col("age").min().dt.total_seconds() / 86_400).alias("since"),
        pl.col("product").sort_by("ts").last().alias("last_product"),
    ]
    ordered = seen.select("user", "ts", "age").sort("user", "ts")
    gap = (pl.col("ts") - pl.col("ts").shift(1)) > timedelta(minutes=30)
    starts = gap.fill_null(True) | (pl.col("user") != pl.col("user").shift(1))
    lengths = (
        ordered.with_columns(session=starts.cum_sum())
        .group_by("user", "session")
        .agg(pl.col("age").min(), length=(pl.col("ts").max() - pl.col("ts").min()).dt.total_seconds())
    )
    later = (pl.col("event") == "buy") & (pl.col("ts") >= AT) & (pl.col("ts") < AT + timedelta(days=30))
    label = log.filter(later).select("user", bought=True).unique()
    (
        seen.group_by("user")
        .agg(direct)
        .join(lengths.group_by("user").agg(sessions), on="user")
        .join(label, on="user", how="left")
        .with_columns(pl.col("bought").fill_null(False))
        .sort("user")
        .sink_parquet(output)
    )


def with_keepfit(path: Path, output: Path) -> None:
    """The source `events`, collected into the store."""
    import polars as pl

    from tasks.collect import collect
    from tasks.core import store
    from tasks.sources.events import Events

    source = Events.model_validate(
        {
            "path": path,
            "entity": "user",
            "time": "ts",
            "at": AT,
            "features": FEATURES,
            "label": {"name": "bought", "event": "buy", "within": "30d"},
        }
    )
    with store.opened(output.parent / "home"):
        store.scan(collect.fn(source)).sink_parquet(output)
    assert pl.scan_parquet(output).collect_schema()["bought"] == pl.Boolean


def ready(way: str) -> Callable[[Path, Path], None]:
    """The way, with everything imported that it needs."""
    if way == "keepfit":
        import duckdb
        import polars
        import pyarrow.parquet  # noqa: F401

        import tasks.collect  # noqa: F401

        return with_keepfit
    import duckdb  # noqa: F401
    import polars  # noqa: F401

    return with_duckdb if way == "duckdb" else with_polars


def run(way: str, path: Path) -> None:
    """Do it, and print seconds, peak and what came out as JSON."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        work, output = ready(way), Path(folder) / "rows.parquet"
        started = time.perf_counter()
        work(path, output)
        seconds = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(json.dumps({"seconds": seconds, "gigabytes": peak, "answer": answer(output)}))


def answer(output: Path) -> dict[str, float]:
    """The number of rows and the sum of each column; of the last product nothing, since equal times leave it open."""
    import polars as pl

    rows = pl.scan_parquet(output).drop("at", "last_product", strict=False)
    sums = rows.select(pl.len().alias("rows"), pl.col(pl.Boolean, pl.Float64).sum().round(3), pl.col(pl.Int64).sum())
    unsigned = rows.select(pl.selectors.unsigned_integer().sum().cast(pl.Int64)).collect()
    found = {**sums.collect().row(0, named=True), **(unsigned.row(0, named=True) if unsigned.width else {})}
    return {name: float(f"{value:.9g}") for name, value in sorted(found.items())}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--entities", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--run", nargs=2, metavar=("WAY", "FILE"), help=argparse.SUPPRESS)
    said = parser.parse_args()
    if said.run:
        run(said.run[0], Path(said.run[1]))
        return 0
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    answers: list[object] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.jsonl"
        write_log(path, said.events, said.entities)
        print(
            f"{said.events:,} events of {said.entities:,} entities, {path.stat().st_size / 1e6:,.0f} MB of JSON lines"
        )
        for _ in range(said.rounds):
            for way in WAYS:
                command = [sys.executable, __file__, "--run", way, str(path)]
                told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
                figures = json.loads(told.splitlines()[-1])
                answers.append(figures.pop("answer"))
                found[way].append(figures)
    if any(each != answers[0] for each in answers):
        print("the answers differ:", *answers, sep="\n")
        return 1
    seconds = {way: statistics.median(each["seconds"] for each in rounds) for way, rounds in found.items()}
    peaks = {way: max(each["gigabytes"] for each in rounds) for way, rounds in found.items()}
    base = min(seconds["duckdb"], seconds["polars"])
    for way in WAYS:
        print(f"{way:<12}{seconds[way]:8.2f} s{seconds[way] / base:8.2f} x{peaks[way]:8.2f} GB")
    held = seconds["keepfit"] <= RATIO * base and peaks["keepfit"] <= PEAK
    print(f"wanted: at most {RATIO} x and {PEAK} GB: {'held' if held else 'NOT held'}")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
