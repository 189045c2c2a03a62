"""Batch predictions: a file of rows in, the same rows with what the champion answers out."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from tasks.core.errors import UsageError
from tasks.core.intake import Intake
from tasks.sources import Source

if TYPE_CHECKING:
    import polars as pl

    from tasks.scoring.scorer import Scorer

KINDS = {".csv": "csv", ".gz": "csv", ".tsv": "csv", ".parquet": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl"}


def score(scorer: Scorer, rows: Path, output: Path) -> int:
    """Write `output`: the rows with `prediction` and, for classes, `probability_<class>`; returns how many.

    It streams, and `output` appears whole or not at all. Columns of these names in the input are replaced.
    """
    kind = _kind(output, "--output")
    source: Source = TypeAdapter(Source).validate_python({"kind": _kind(rows, "--input"), "path": rows.absolute()})
    if not output.absolute().parent.is_dir():
        raise UsageError(f"There is no folder {output.absolute().parent}", action="Create it, or name another --output")
    handle, name = tempfile.mkstemp(prefix=".writing-", suffix=output.suffix, dir=output.absolute().parent)
    os.close(handle)
    try:
        n_rows = _WRITERS[kind](Path(name), _answered(scorer, source))
        Path(name).chmod(0o644)
        Path(name).replace(output)
    finally:
        Path(name).unlink(missing_ok=True)
    return n_rows


def _answered(scorer: Scorer, source: Source) -> Iterator[pl.DataFrame]:
    import polars as pl

    for batch in source.batches(Intake()):
        frame = pl.DataFrame(batch)
        answers = scorer.predict(frame)
        yield frame.drop(answers.columns, strict=False).hstack(answers)


def _kind(file: Path, option: str) -> str:
    if kind := KINDS.get(file.suffix.lower()):
        return kind
    raise UsageError(f"{option} {file}", expected="a name that ends in .csv, .parquet or .jsonl", found=file.suffix)


def _write_csv(path: Path, frames: Iterator[pl.DataFrame]) -> int:
    n_rows = 0
    with path.open("wb") as file:
        for number, frame in enumerate(frames):
            frame.write_csv(file, include_header=number == 0)
            n_rows += frame.height
    return n_rows


def _write_jsonl(path: Path, frames: Iterator[pl.DataFrame]) -> int:
    n_rows = 0
    with path.open("wb") as file:
        for frame in frames:
            frame.write_ndjson(file)
            n_rows += frame.height
    return n_rows


def _write_parquet(path: Path, frames: Iterator[pl.DataFrame]) -> int:
    import pyarrow.parquet as pq

    n_rows = 0
    writer = None
    try:
        for frame in frames:
            table = frame.to_arrow()
            writer = writer or pq.ParquetWriter(path, table.schema)
            writer.write_table(table)
            n_rows += frame.height
    finally:
        if writer is not None:
            writer.close()
    return n_rows


_WRITERS: dict[str, Callable[[Path, Iterator[pl.DataFrame]], int]] = {
    "csv": _write_csv,
    "jsonl": _write_jsonl,
    "parquet": _write_parquet,
}
