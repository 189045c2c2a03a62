"""Batch predictions: rows in, the same rows with what the champion answers out."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from pydantic import TypeAdapter

from tasks.core.cells import IsReadable
from tasks.core.errors import DataError, UsageError
from tasks.core.intake import Intake
from tasks.core.records import BYTES, ColumnType, ModelCard
from tasks.modalities import readable
from tasks.scoring.inputs import as_json, taken
from tasks.sources import Source

if TYPE_CHECKING:
    import polars as pl

    from tasks.scoring.scorer import Scorer

KINDS = {".csv": "csv", ".gz": "csv", ".tsv": "csv", ".parquet": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl"}
MEDIA: dict[ColumnType, str] = {"image": "images", "sound": "audio"}
"""For each type of column the kind of source that reads a folder of its files."""
PROBLEM = "__problem__"
"""The column that says why a row with an image or a sound has no answer."""

Frames = Iterator["pl.DataFrame"]


def score(scorer: Scorer, rows: Path, output: Path) -> int:
    """Write `output`: the rows with `prediction` and, for classes, `probability_<class>`; returns how many.

    It streams, and `output` appears whole or not at all. Columns of these names in the input are replaced. An image
    or a sound that cannot be read has no prediction, and the reason in `__problem__`.
    """
    write = _WRITERS[_kind(output, "--output")]
    if not output.absolute().parent.is_dir():
        raise UsageError(f"There is no folder {output.absolute().parent}", action="Create it, or name another --output")
    handle, name = tempfile.mkstemp(prefix=".writing-", suffix=output.suffix, dir=output.absolute().parent)
    try:
        with os.fdopen(handle, "wb") as file, _given(scorer.card, rows) as frames:
            n_rows = write(file, _answered(scorer, frames))
        Path(name).chmod(0o644)
        Path(name).replace(output)
    finally:
        Path(name).unlink(missing_ok=True)
    return n_rows


def answers(scorer: Scorer, rows: Path) -> Frames:
    """The rows with their answers, some at a time: what `score` writes."""
    with _given(scorer.card, rows) as frames:
        yield from _answered(scorer, frames)


def answer(scorer: Scorer, row: str) -> pl.DataFrame:
    """The answer to one row, given as a JSON object of the input columns; those it lacks are missing."""
    import polars as pl

    try:
        said = json.loads(row)
    except ValueError as exc:
        raise UsageError("--row is no JSON", expected='an object such as {"age": 31}', found=str(exc)) from exc
    if not isinstance(said, dict):
        raise UsageError("--row", expected='an object such as {"age": 31}', found=row[:60])
    columns = {column.name for column in scorer.card.inputs}
    if unknown := sorted(said.keys() - columns):
        raise UsageError("--row", expected=f"the columns {', '.join(sorted(columns)[:20])}", found=repr(unknown[0]))
    return scorer.predict(pl.DataFrame([said]) if said else pl.DataFrame({"": [None]}), missing_ok=True)


@contextmanager
def _given(card: ModelCard, rows: Path) -> Iterator[Frames]:
    """The rows of a table, of standard input, of one image, sound or text, or of a folder of images or sounds."""
    if str(rows) == "-":
        with tempfile.NamedTemporaryFile(suffix=".jsonl") as spool:
            while block := sys.stdin.buffer.read(1 << 20):
                spool.write(block)
            spool.flush()
            yield _read("jsonl", Path(spool.name))
    elif rows.is_dir():
        column, kind, name = _medium(card, rows)
        yield (frame.rename({name: column}) for frame in _read(kind, rows))
    elif rows.suffix.lower() in KINDS:
        yield _read(KINDS[rows.suffix.lower()], rows)
    else:
        yield iter([_single(card, rows)])


def _read(kind: str, path: Path) -> Frames:
    import polars as pl

    source: Source = TypeAdapter(Source).validate_python({"kind": kind, "path": str(path.absolute())})
    intake = Intake()
    for batch in source.batches(intake):
        yield pl.DataFrame(batch)
    for reason, n_items in intake.reasons.most_common():
        print(f"keepfit: {source.title}: {n_items:,} left out: {reason}", file=sys.stderr)


def _medium(card: ModelCard, rows: Path) -> tuple[str, str, str]:
    """The model's one column of images or sounds, the kind of source that reads a folder of them, and its column."""
    found = [column for column in card.inputs if column.type in MEDIA]
    if len(found) != 1:
        raise UsageError(f"--input {rows} is a folder", expected="a file of rows with the model's columns")
    return found[0].name, MEDIA[found[0].type], found[0].type


def _single(card: ModelCard, file: Path) -> pl.DataFrame:
    """One row of one file: the bytes of the model's image or sound, or its text."""
    import polars as pl

    columns = [column for column in card.inputs if column.type in (*BYTES, "text")]
    if len(columns) != 1 or len(card.inputs) != 1:
        _kind(file, "--input")  # says which files of rows there may be
    try:
        data = file.read_bytes()
        value = data if columns[0].type in BYTES else data.decode()
    except (OSError, UnicodeDecodeError) as exc:
        raise DataError(f"--input {file} cannot be read", found=str(exc)) from exc
    return pl.DataFrame({"__file__": [file.name], columns[0].name: [value]})


def _answered(scorer: Scorer, frames: Frames) -> Frames:
    import polars as pl

    checks = readable(scorer.card.inputs)
    for frame in frames:
        if not checks:
            found = scorer.predict(frame)
            yield frame.drop(found.columns, strict=False).hstack(found)
            continue
        asked, problem = _without_unreadable(taken(frame, scorer.card.inputs), checks)
        found = scorer.predict(asked).select(pl.when(problem.is_null()).then(pl.all())).with_columns(problem)
        media = [check.columns[0] for check in checks]
        yield frame.drop(*media, *found.columns, strict=False).hstack(found)


def _without_unreadable(frame: pl.DataFrame, checks: Sequence[IsReadable]) -> tuple[pl.DataFrame, pl.Series]:
    """The rows with what cannot be read as missing, and for each of them why it cannot be read."""
    import polars as pl

    found = pl.DataFrame([check.found(frame).alias(check.columns[0]) for check in checks])
    read = [pl.when(found[name].is_null()).then(pl.col(name)).alias(name) for name in found.columns]
    problem = pl.concat_str(pl.all(), separator="; ", ignore_nulls=True).replace("", None)
    return frame.with_columns(read), found.select(problem.alias(PROBLEM)).to_series()


def _kind(file: Path, option: str) -> str:
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
            writer = writer or pq.ParquetWriter(file, table.schema)
            writer.write_table(table)
            n_rows += frame.height
    finally:
        if writer is not None:
            writer.close()
    return n_rows


_WRITERS: dict[str, Callable[[IO[bytes], Frames], int]] = {
    "csv": _write_csv,
    "jsonl": write_jsonl,
    "parquet": _write_parquet,
}
