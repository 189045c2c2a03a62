"""One pass over the rows that gives each its hash, its part and its fold; a few bytes a row stay in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.core import store
from tasks.core.errors import DataError
from tasks.core.records import Dataset, Note
from tasks.core.row_hash import Hashes, folded, mix, row_hashes, value_hashes
from tasks.core.splits import LEFT_OUT, Assignment, Split, TimeSplit, by_hash, by_time

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Partition:
    """For each row its hash, part and fold, and notes on the rows that are left out."""

    hashes: Hashes
    assignment: Assignment
    notes: tuple[Note, ...]


def partition(
    rows: Dataset,
    inputs: Sequence[str],
    target: str,
    split: Split,
    seed: int,
    drop_duplicates: bool,
    language: Sequence[str] = (),
) -> Partition:
    """Where each row goes. Rows without a target or a time, and repeated rows, are left out with a note.

    Rows whose texts in the columns of `language` differ in case and spaces alone go the same way by hash.
    """
    hashes, answers, keys = _read(rows, inputs, target, split, seed, language)
    notes: list[Note] = []
    stays = answers != 0
    if n_missing := int((~stays).sum()):
        notes.append(Note(kind="missing", column=target, n_rows=n_missing, text="without a target; left out"))
    if isinstance(split, TimeSplit) and (n_timeless := int((stays & ~np.isfinite(keys)).sum())):
        stays &= np.isfinite(keys)
        notes.append(Note(kind="missing", column=split.column, n_rows=n_timeless, text="without a time; left out"))
    if drop_duplicates:
        first = _first_of_each(mix(hashes) + answers, stays)
        if n_repeated := int(stays.sum() - first.sum()):
            text = "equal to an earlier row in all columns; left out"
            notes.append(Note(kind="duplicates", column=None, n_rows=n_repeated, text=text))
        stays = first
    placed = by_time(keys[stays], split) if isinstance(split, TimeSplit) else by_hash(keys[stays], split)
    _require_all_parts(placed, split)
    part = np.full(len(hashes), LEFT_OUT, np.uint8)
    fold = np.zeros(len(hashes), np.uint8)
    part[stays], fold[stays] = placed.part, placed.fold
    return Partition(hashes, Assignment(part, fold), tuple(notes))


def _read(
    rows: Dataset, inputs: Sequence[str], target: str, split: Split, seed: int, language: Sequence[str]
) -> tuple[Hashes, Hashes, npt.NDArray[Any]]:
    """The rows' hashes, their targets' hashes (0: missing), and what they are split by: hashes or times."""
    hashes: list[Hashes] = []
    answers: list[Hashes] = []
    keys: list[npt.NDArray[Any]] = []
    for batch in store.batches(rows, [*inputs, target]):
        hashes.append(row_hashes(batch, inputs, seed))
        answers.append(value_hashes(batch.column(target), target))
        if split.by == "hash":
            keys.append(row_hashes(folded(batch, language), inputs, seed) if language else hashes[-1])
        elif split.by == "group":
            keys.append(row_hashes(batch, [split.column], seed))
        else:
            keys.append(_times(batch.column(split.column), split.column))
    return np.concatenate(hashes), np.concatenate(answers), np.concatenate(keys)


def _times(values: Any, name: str) -> npt.NDArray[np.float64]:
    import pyarrow as pa

    if pa.types.is_string(values.type) or pa.types.is_boolean(values.type) or pa.types.is_binary(values.type):
        raise DataError(
            f"Rows cannot be split by the time in {name!r}",
            expected="dates or numbers",
            found=f"{values.type}, such as {values.drop_null()[0].as_py()!r}" if len(values.drop_null()) else "none",
            action="Write the times as 2026-01-31 or 2026-01-31 13:45:00",
        )
    if pa.types.is_temporal(values.type):
        values = values.cast(pa.timestamp("us")).cast(pa.int64())
    return values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)


def _first_of_each(keys: Hashes, stays: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Which rows are the first of their key. Two different rows share a key once in a million sets of 5M rows."""
    candidates = np.flatnonzero(stays)
    _, first = np.unique(keys[candidates], return_index=True)
    kept = np.zeros(len(keys), np.bool_)
    kept[candidates[first]] = True
    return kept


def _require_all_parts(placed: Assignment, split: Split) -> None:
    counts = np.bincount(placed.part, minlength=len(PARTS))
    empty = [name for name, n in zip(PARTS, counts, strict=False) if not n]
    if not empty and not placed.fold.any():
        empty = ["a second fold"]
    if empty:
        what = "groups" if split.by == "group" else "rows"
        raise DataError(
            f"There are too few {what} to split",
            expected="rows for training, validation and test",
            found=f"{len(placed.part):,} usable rows, none of them for {' and '.join(empty)}",
            action=f"Give more {what}; below a hundred nothing reliable can be said",
        )
