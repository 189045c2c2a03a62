"""`keepfit prepare`: the prepared splits as Parquet files, for use elsewhere."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from flows.printed import in_json
from flows.printed.projects import Prepare, Rows
from tasks.check import check, check_splits
from tasks.collect import collect
from tasks.core import store
from tasks.core.ahead import ahead
from tasks.core.errors import UsageError
from tasks.core.invariants import PARTS
from tasks.core.records import Dataset, Splits
from tasks.outputs import formats
from tasks.prepare import prepare
from tasks.project import load_project

if TYPE_CHECKING:
    import polars as pl


def run(options: argparse.Namespace) -> int:
    """Write train.parquet, validation.parquet and test.parquet into the folder, and say what they hold."""
    folder: Path = options.output
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--output {folder} is a file", expected="a folder, which is made where there is none")
    project = load_project(options.project)
    with store.opened(store.home_of(project.folder)):
        raw = check.fn(
            collect.fn(project.source, labelled=project.labelled), project.expectations.raw, project.checking
        )
        splits = check_splits.fn(prepare.fn(raw, project.preparation), project.expectations.prepared).splits
        n_columns = write(splits, folder, project.seed, options.scaled)
    rows, target = Rows.of(splits), splits.target.name
    if options.json:
        print(in_json(Prepare(project=project.name, output=str(folder), rows=rows, columns=n_columns, target=target)))
    else:
        print(f"{rows.words} rows of {n_columns:,} columns, the target {target!r} among them: {folder}")
    return 0


def write(splits: Splits, folder: Path, seed: int, scaled: bool) -> int:
    """Write the three files into the folder, which is made where there is none; how many columns each has."""
    folder.mkdir(parents=True, exist_ok=True)
    import pyarrow.parquet as pq

    for name, frames in _frames(splits, seed, scaled):
        formats.write(folder / f"{name}.parquet", ahead(frames), "--output")
    return len(pq.read_schema(folder / f"{PARTS[0]}.parquet"))


def _frames(splits: Splits, seed: int, scaled: bool) -> Iterator[tuple[str, Iterator[pl.DataFrame]]]:
    if not scaled:
        yield from ((name, _plain(getattr(splits, name))) for name in PARTS)
        return
    from tasks.learning.encoded import encoding

    encoded = encoding(splits, seed)
    yield from ((name, encoded.rows(getattr(splits, name), name == "train")) for name in PARTS)


def _plain(part: Dataset) -> Iterator[pl.DataFrame]:
    import polars as pl

    for batch in store.batches(part):
        yield pl.DataFrame(batch)
