"""Can the appraisal be believed? False alarms, coverage of its intervals, planted shifts found, and what it costs.

    python benchmarks/appraisal.py [--runs 400] [--data FOLDER]

Synthetic tables of several sizes: columns that say nothing must be told so, a shift of one column between train and
test must be found and named, and the 95 % intervals must hold the share explained in a table of 400,000 rows. With
`--data`, each CSV file `<name>/<name>.csv` in it that has a `target` in its meta.json is split at random many times:
how often its splits are said to differ beyond chance. The last table is the time of a whole appraisal, against
scikit-learn's mutual information of the same columns, which has neither intervals nor a level of chance.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tasks.core.records import Dataset as Rows
from tasks.core.records import Feature, Splits, Target
from tasks.core.row_hash import mix
from tasks.examining import codes
from tasks.examining.association import explained
from tasks.examining.codes import binned
from tasks.examining.glance import Glance
from tasks.examining.relevance import associations
from tasks.examining.representative import distances

EMPTY = Rows(name="", parts=(), digest="", n_rows=0, columns=())
SIZES = (200, 1_000, 10_000)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    print("\nA table of 20 columns that say nothing: runs in 100 that name one all the same")
    print(f"{'rows':>8} {'target':>12} {'relevant':>9} {'representative':>15}")
    for n_rows in SIZES:
        for target in ("number", "2 classes", "rare class", "10 classes"):
            alarms = np.array([_alarms(n_rows, target, seed) for seed in range(options.runs)])
            told = 100 * alarms.mean(0)
            print(f"{n_rows:>8,} {target:>12} {told[0]:>9.1f} {told[1]:>15.1f}", flush=True)
    print("\nOne of 20 columns moved in the test rows by so many standard deviations: runs in 100")
    print(f"{'rows':>8} {'moved':>6} {'found':>6} {'named first':>12}")
    for n_rows in SIZES:
        for moved in (0.2, 0.5, 1.0):
            found = np.array([_found(n_rows, moved, seed) for seed in range(options.runs // 4)])
            print(f"{n_rows:>8,} {moved:>6} {100 * found[:, 0].mean():>6.0f} {100 * found[:, 1].mean():>12.0f}")
    print("\n95 % intervals of the share explained: in how many of 100 the true share lies")
    print(f"{'rows':>8} {'target':>12} {'strength':>9} {'share':>7} {'within':>7}")
    for n_rows in SIZES:
        for target in ("number", "2 classes"):
            for strength in (0.1, 0.5, 2.0):
                true, within = _coverage(n_rows, target, strength, options.runs)
                print(f"{n_rows:>8,} {target:>12} {strength:>9} {true:>7.3f} {100 * within:>7.1f}", flush=True)
    if options.data:
        _real(options.data, max(20, options.runs // 8))
    _cost()


def _glance(frame: pl.DataFrame, part: np.ndarray, target: Target) -> Glance:
    features = tuple(
        Feature(name=name, kind="category" if dtype == pl.String else "number")
        for name, dtype in frame.schema.items()
        if name != target.name
    )
    splits = Splits(train=EMPTY, validation=EMPTY, test=EMPTY, inputs=(), features=features, target=target, notes=())
    places = pl.Series("__row__", mix(np.arange(len(frame), dtype=np.uint64)))
    return Glance(splits, frame.with_columns(places), part, len(frame))


def _parts(n_rows: int, generator: np.random.Generator) -> np.ndarray:
    return generator.choice(3, n_rows, p=[0.64, 0.16, 0.2])


def _nothing(n_rows: int, target: str, generator: np.random.Generator) -> tuple[pl.DataFrame, Target]:
    numbers = {f"n{index}": generator.normal(size=n_rows) for index in range(8)}
    tails = {f"t{index}": np.round(np.exp(generator.normal(size=n_rows)), 1) for index in range(4)}
    counts = {f"c{index}": generator.poisson(0.3, n_rows) for index in range(4)}
    levels = {f"l{index}": [f"v{each}" for each in generator.geometric(0.1, n_rows)] for index in range(4)}
    if target == "number":
        y, told = generator.standard_t(3, n_rows), Target(name="y", problem="regression")
    else:
        shares = {"2 classes": [0.6, 0.4], "rare class": [0.96, 0.04], "10 classes": [0.37] + [0.07] * 9}[target]
        names = tuple(str(index) for index in range(len(shares)))
        y = np.array(names)[generator.choice(len(shares), n_rows, p=shares)]
        told = Target(name="y", problem="binary" if len(shares) == 2 else "multiclass", classes=names)
    return pl.DataFrame({**numbers, **tails, **counts, **levels, "y": y}), told


def _alarms(n_rows: int, target: str, seed: int) -> tuple[bool, bool]:
    generator = np.random.default_rng(seed)
    frame, told = _nothing(n_rows, target, generator)
    seen = _glance(frame, _parts(n_rows, generator), told)
    return any(each.beyond_chance for each in associations(seen)), any(each.beyond_chance for each in distances(seen))


def _found(n_rows: int, moved: float, seed: int) -> tuple[bool, bool]:
    generator = np.random.default_rng(seed)
    frame, told = _nothing(n_rows, "2 classes", generator)
    part = _parts(n_rows, generator)
    frame = frame.with_columns(n3=frame["n3"].to_numpy() + moved * (part == 2))
    found = distances(_glance(frame, part, told))
    return any(each.beyond_chance and each.column == "n3" for each in found), found[0].column == "n3"


def _coverage(n_rows: int, target: str, strength: float, runs: int) -> tuple[float, float]:
    def one(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        generator = np.random.default_rng(seed)
        x = generator.normal(size=n)
        if target == "number":
            y = pl.Series(strength * x + generator.standard_t(3, n)).rank("average").to_numpy()
        else:
            y = (generator.random(n) < 1 / (1 + np.exp(1 - strength * x))).astype(np.int64)
        return binned(x), y

    before = codes.BINS
    codes.BINS = int(np.clip(n_rows // codes.ROWS_PER_BIN, 2, before))  # the same bins, so the same question
    true = explained(*one(400_000, 10**6)).share
    codes.BINS = before
    held = [(each := explained(*one(n_rows, seed))).low <= true <= each.high for seed in range(runs)]
    return true, float(np.mean(held))


def _real(folder: Path, runs: int) -> None:
    print(f"\nReal tables split at random {runs} times: runs in 100 that say that the splits differ")
    for meta in sorted(folder.glob("*/meta.json")):
        said, file = json.loads(meta.read_text()), meta.parent / f"{meta.parent.name}.csv"
        frame = pl.read_csv(file, infer_schema_length=None) if file.exists() else pl.DataFrame()
        if (name := said.get("target")) not in frame.columns:
            continue
        frame = frame.unique(maintain_order=True).with_columns(pl.col(pl.Boolean).cast(pl.Int8))
        target = Target(name=str(name), problem="regression" if frame[str(name)].dtype.is_float() else "multiclass")
        if target.problem == "multiclass":
            frame = frame.with_columns(pl.col(target.name).cast(pl.String))
        part = [_parts(len(frame), np.random.default_rng(seed)) for seed in range(runs)]
        told = [any(each.beyond_chance for each in distances(_glance(frame, each, target))) for each in part]
        print(
            f"{meta.parent.name:>24} {len(frame):>8,} rows {frame.width:>4} columns {100 * np.mean(told):>6.1f}",
            flush=True,
        )


def _cost() -> None:
    from sklearn.feature_selection import mutual_info_classif

    print("\nCost of associations and distances, in seconds, and of scikit-learn's mutual information")
    for n_rows, n_columns in ((1_000, 20), (50_000, 20), (2_000, 1_000)):
        generator = np.random.default_rng(0)
        x = generator.normal(size=(n_rows, n_columns))
        y = (generator.random(n_rows) < 0.4).astype(int)
        frame = pl.DataFrame(x, schema=[f"n{index}" for index in range(n_columns)])
        target = Target(name="y", problem="binary", classes=("0", "1"))
        seen = _glance(frame.with_columns(y=pl.Series(y).cast(pl.String)), _parts(n_rows, generator), target)
        started = time.perf_counter()
        associations(seen), distances(seen)
        ours = time.perf_counter() - started
        started = time.perf_counter()
        mutual_info_classif(x, y, random_state=0)
        theirs = time.perf_counter() - started
        print(f"{n_rows:>8,} x {n_columns:>5,} {ours:>8.2f} {theirs:>8.2f}   ratio {ours / theirs:.2f}", flush=True)


if __name__ == "__main__":
    main()
