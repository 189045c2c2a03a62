"""Rows of a file, of standard input or of the command line, with what the champion answers: quick, for one caller."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from tasks.core.errors import DataError, UsageError
from tasks.core.intake import Intake
from tasks.core.model_records import ModelCard
from tasks.core.records import BYTES, ColumnType
from tasks.outputs.formats import KINDS, Frames, kind_of, write
from tasks.scoring.answering import Answering
from tasks.scoring.guard import Guard
from tasks.scoring.inputs import taken
from tasks.sources import Source

if TYPE_CHECKING:
    import polars as pl

    from tasks.scoring.scorer import Scorer

MEDIA: dict[ColumnType, str] = {"image": "images", "sound": "audio"}
"""For each type of column the kind of source that reads a folder of its files."""


def score(scorer: Scorer, rows: Path, output: Path) -> int:
    """Write `output`: the rows with `prediction` and, for classes, `probability_<class>`; returns how many.

    It streams, and `output` appears whole or not at all. Columns of these names in the input are replaced. A row that
    breaks an expectation of the model, or whose image or sound cannot be read, has no prediction, and the reason in
    `__problem__`.
    """
    kind_of(output, "--output")
    with rows_of(scorer.card, rows) as frames:
        return write(output, _answered(scorer, frames), "--output")


def answers(scorer: Scorer, rows: Path) -> Frames:
    """The rows with their answers, some at a time: what `score` writes."""
    with rows_of(scorer.card, rows) as frames:
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
    given = taken(pl.DataFrame([said]) if said else pl.DataFrame({"": [None]}), scorer.card.inputs, missing_ok=True)
    if guard := Guard(scorer.card.expectations, scorer.card.inputs):
        warned: Counter[str] = Counter()
        if reason := guard.problems(given, warned)[0]:
            raise DataError("--row breaks an expectation of the model", found=reason, action="Correct the value")
        _tell(warned)
    return scorer.predict(given)


@contextmanager
def rows_of(card: ModelCard, rows: Path) -> Iterator[Frames]:
    """The rows of a table, of standard input, of one image, sound or text, or of a folder of images or sounds."""
    if str(rows) == "-":
        with spooled(rows) as file:
            yield _read("jsonl", file)
    elif rows.is_dir():
        column, kind, name = _medium(card, rows)
        yield (frame.rename({name: column}) for frame in _read(kind, rows))
    elif rows.suffix.lower() in KINDS:
        yield _read(KINDS[rows.suffix.lower()], rows)
    else:
        yield iter([_single(card, rows)])


@contextmanager
def spooled(rows: Path) -> Iterator[Path]:
    """The file itself; of standard input (`-`), JSON lines, a copy that can be read more than once."""
    if str(rows) != "-":
        yield rows
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "standard input.jsonl"  # errors name it
        with file.open("wb") as spool:
            shutil.copyfileobj(sys.stdin.buffer, spool, 1 << 20)
        yield file


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
        kind_of(file, "--input")  # says which files of rows there may be
    try:
        data = file.read_bytes()
        value = data if columns[0].type in BYTES else data.decode()
    except (OSError, UnicodeDecodeError) as exc:
        raise DataError(f"--input {file} cannot be read", found=str(exc)) from exc
    return pl.DataFrame({"__file__": [file.name], columns[0].name: [value]})


def _answered(scorer: Scorer, frames: Frames) -> Frames:
    answering = Answering(scorer)
    warned: Counter[str] = Counter()
    n_done = 0
    for frame in frames:
        found = answering.answers(frame, warned, n_done)
        n_done += frame.height
        yield answering.joined(frame, found)
    _tell(warned)


def _tell(warned: Counter[str]) -> None:
    for claim, n_rows in warned.most_common():
        rows = "one row breaks it and is" if n_rows == 1 else f"{n_rows:,} rows break it and are"
        print(f"keepfit: {claim}: {rows} answered all the same", file=sys.stderr)
