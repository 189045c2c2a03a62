"""How much planted noise is found, and how much is called noise that is none? Seeded, over several tables.

    python benchmarks/noise.py PATH_TO_DATA [--labels]

PATH_TO_DATA holds a folder a table with a meta.json (file, target). Planted in each column of numbers, one at a time:
five values a hundred times as large (outliers), a block of 15 % of the rows times a factor, and as many scattered rows
(units). A planted row that is among those told is found; told rows that are not planted are false alarms, and so is
all that is told of the untouched tables. With --labels 5 % of the answers are flipped, and six trials tuned.
"""

from __future__ import annotations

import argparse
import inspect
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from tasks.collect import collect
from tasks.core import store
from tasks.core.noise import LabelAudit
from tasks.core.records import CheckedDataset, CheckedSplits, QualityReport
from tasks.examine import audit_labels
from tasks.examining.noise import oddities
from tasks.prepare import Preparation, prepare
from tasks.select_model import Models, select_model
from tasks.sources import Parquet
from tasks.tune import Tuning, tune

FACTORS = (1000.0, 100.0, 10.0, 2.54, 2.20462)
MOST_ROWS = 20_000
MOST_COLUMNS = 5


def tables(folder: Path) -> Iterator[tuple[str, pl.DataFrame, str]]:
    """Name, rows and target of each table that is one CSV file."""
    for meta in sorted(folder.glob("*/meta.json")):
        told = json.loads(meta.read_text())
        file = meta.parent / str(told.get("file", f"{meta.parent.name}.csv"))
        if file.is_file() and told.get("target"):
            frame = pl.read_csv(file, infer_schema_length=None, null_values=["", "NA"], n_rows=MOST_ROWS)
            if told["target"] in frame.columns:
                yield meta.parent.name, frame, told["target"]


def collected(frame: pl.DataFrame) -> CheckedDataset:
    path = store.home() / "rows.parquet"
    frame.write_parquet(path)
    report = QualityReport(suite="raw", n_rows=len(frame), evaluated=1, failed=(), n_quarantined=0, quarantined=None)
    return CheckedDataset(dataset=collect.fn(Parquet(path=path)), report=report)


def told_rows(frame: pl.DataFrame, column: str) -> tuple[str, set[int]]:
    """What is told of the column, and the rows meant: the examples, or from the first to the last of a block."""
    found, blob, _ = oddities(collected(frame).dataset)
    for number, each in enumerate(found):
        if each.column == column:
            assert blob is not None
            shown = pl.read_parquet(store.path(blob)).filter(pl.col("oddity") == number)["row"] - 1
            return each.kind, set(shown.to_list())
    return "", set()


def values(folder: Path) -> None:
    generator = np.random.default_rng(0)
    print(f"{'table':<22} {'untouched':>10} {'outliers: recall, precision':>28} {'block':>8} {'scattered':>10}")
    for name, frame, _ in tables(folder):
        alarms = oddities(collected(frame).dataset)[0]
        numbers = [each for each in frame.columns if frame[each].dtype.is_numeric() and frame[each].n_unique() > 30]
        hits = told = planted = 0
        units = {"block": [0, 0], "scattered": [0, 0]}
        for column in numbers[:MOST_COLUMNS]:
            plain = frame[column].cast(pl.Float64).to_numpy().copy()
            there = np.flatnonzero(np.isfinite(plain) & (plain > np.nanmedian(plain)))
            if len(there) < 200:
                continue
            rows = generator.choice(there, 5, replace=False)
            odd = plain.copy()
            odd[rows] *= 100
            kind, found = told_rows(frame.with_columns(pl.Series(column, odd)), column)
            found = found if kind in ("outliers", "impossible") else set()
            hits, told, planted = hits + len(found & set(rows.tolist())), told + len(found), planted + len(rows)
            for factor in FACTORS:
                n = int(0.15 * len(plain))
                start = int(generator.integers(0, len(plain) - n))
                for how, where in (
                    ("block", np.arange(start, start + n)),
                    ("scattered", generator.choice(len(plain), n)),
                ):
                    odd = plain.copy()
                    odd[np.unique(where)] *= factor
                    kind, found = told_rows(frame.with_columns(pl.Series(column, odd)), column)
                    units[how][0] += kind == "units" and len(found & set(where.tolist())) > len(found) / 2
                    units[how][1] += 1
        shares = [f"{found}/{of}" for found, of in units.values()]
        line = f"{hits / max(planted, 1):.2f}, {hits / max(told, 1):.2f}"
        print(f"{name:<22} {len(alarms):>10} {line:>28} {shares[0]:>8} {shares[1]:>10}", flush=True)


def labels(folder: Path) -> None:
    print(
        f"{'table':<20} {'judged':>7} {'flipped':>8} {'told':>6} {'recall':>7} {'precision':>10} {'first 20':>9}",
        flush=True,
    )
    for name, frame, target in tables(folder):
        if frame[target].n_unique() > 20:
            continue
        generator = np.random.default_rng(0)
        frame = frame.unique(maintain_order=True)
        names = sorted(frame[target].drop_nulls().unique().to_list(), key=str)
        flipped = generator.random(len(frame)) < 0.05
        others = {each: [other for other in names if other != each] for each in names}
        given = [
            str(others[each][generator.integers(len(names) - 1)] if flip and each is not None else each)
            for each, flip in zip(frame[target], flipped, strict=True)
        ]
        checked = collected(frame.with_columns(pl.Series(target, given)))
        splits = prepare.fn(checked, Preparation(target=target, problem="classification"))
        passed = CheckedSplits(splits=splits, reports=())
        candidates = inspect.unwrap(select_model.fn)(passed, Models())
        tuned = inspect.unwrap(tune.fn)(candidates, passed, Tuning(seconds=None, trials=6))
        audit: LabelAudit = inspect.unwrap(audit_labels.fn)(checked, passed, tuned.answers)
        rows = pl.read_parquet(store.path(audit.rows))["row"].to_numpy() - 1 if audit.rows else np.empty(0, int)
        # Of the flipped rows a part is in the test split, which is not judged.
        expected = flipped.sum() * audit.n_judged / len(frame)
        right = flipped[rows]
        print(
            f"{name:<20} {audit.n_judged:>7} {expected:>8.0f} {audit.n_rows:>6} {right.sum() / max(expected, 1):>7.2f} "
            f"{right.mean() if len(right) else 0:>10.2f} {right[:20].mean() if len(right) else 0:>9.2f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--labels", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, store.opened(Path(home)):
        (labels if options.labels else values)(options.data)


if __name__ == "__main__":
    main()
