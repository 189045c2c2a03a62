"""Rows as files for people: CSV, Parquet or JSON lines, as the file's name says, written as they stream."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from tasks.core.errors import UsageError
from tasks.scoring.inputs import as_json

if TYPE_CHECKING:
    import polars as pl

KINDS = {".csv": "csv", ".gz": "csv", ".tsv": "csv", ".parquet": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl"}

Frames = Iterator["pl.DataFrame"]


def write(output: Path, frames: Frames, option: str, beside: str | None = None) -> int:
    """Write the frames as CSV, Parquet or JSONL, as the name of the file says; it appears whole or not at all.

    `beside` is the name under which it grows: who writes again after a kill then leaves nothing of it.
    """
    writer = _WRITERS[kind_of(output, option)]
    require_folder(output, option)
    folder = output.absolute().parent
    if beside is None:
        handle, name = tempfile.mkstemp(prefix=".writing-", suffix=output.suffix, dir=folder)
    else:
        name = str(folder / beside)
        handle = os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            n_rows = writer(file, frames)
        Path(name).chmod(0o644)
        Path(name).replace(output)
    finally:
        Path(name).unlink(missing_ok=True)
    return n_rows


def require_folder(file: Path, option: str) -> None:
    """UsageError unless the folder is there that the file is to be in."""
    if not file.absolute().parent.is_dir():
        raise UsageError(f"There is no folder {file.absolute().parent}", action=f"Create it, or name another {option}")


def kind_of(file: Path, option: str) -> str:
    """`csv`, `parquet` or `jsonl`, by the file's name; UsageError for another."""
    if kind := KINDS.get(file.suffix.lower()):
        return kind
    raise UsageError(f"{option} {file}", expected="a name that ends in .csv, .parquet or .jsonl", found=file.suffix)


def _write_csv(file: IO[bytes], frames: Frames) -> int:
    n_rows = 0
    for number, frame in enumerate(frames):
        frame.write_csv(file, include_header=number == 0)
        n_rows += frame.height
    return n_rows


def write_jsonl(file: IO[bytes], frames: Frames) -> int:
    """Write the frames as JSON lines, bytes in base64; returns how many."""
    n_rows = 0
    for frame in frames:
        file.writelines(f"{row}\n".encode() for row in as_json(frame))
        n_rows += frame.height
    return n_rows


def _write_parquet(file: IO[bytes], frames: Frames) -> int:
    import pyarrow.parquet as pq

    n_rows = 0
    writer = None
    try:
        for frame in frames:
            table = frame.to_arrow()
            writer = writer or pq.ParquetWriter(file, table.schema, use_dictionary=_repeating(frame))  # pyright: ignore
            writer.write_table(table)
            n_rows += frame.height
    finally:
        if writer is not None:
            writer.close()
    return n_rows


def _repeating(frame: pl.DataFrame) -> list[str]:
    """The columns whose values come again: to look up each of the others first takes two thirds of the writing."""
    import polars as pl

    flat = [name for name, kind in frame.schema.items() if not kind.is_nested()]
    counts = frame.select(pl.col(flat).n_unique()).row(0, named=True) if flat and frame.height else {}
    return [name for name, n_different in counts.items() if n_different <= frame.height / 4]


_WRITERS: dict[str, Callable[[IO[bytes], Frames], int]] = {
    "csv": _write_csv,
    "jsonl": write_jsonl,
    "parquet": _write_parquet,
}
