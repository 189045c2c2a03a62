"""What is needed of each row to say where it goes, in one pass over the rows: hashes, times or groups, sketches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tasks.core import store
from tasks.core.ahead import ahead
from tasks.core.allocation import named_parts
from tasks.core.chronology import times
from tasks.core.near import Sketch
from tasks.core.records import Dataset, Target
from tasks.core.row_hash import Hashes, row_hashes, value_hashes
from tasks.core.splits import GroupSplit, PredefinedSplit, Split, StratifiedSplit, TimeSplit
from tasks.core.together import Seen


@dataclass(frozen=True)
class RowFacts:
    """For each row hashes of its inputs, of its target (0: missing) and of its key, and what it is split by.

    `keys` are the rows' own hashes where there is no key, or it is missing. `by` holds hashes of groups, times (NaN:
    missing), parts, or the numbers of a stratified regression.
    """

    hashes: Hashes
    answers: Hashes
    keys: Hashes
    by: npt.NDArray[Any]
    seen: list[Seen]
    dated: bool
    """Whether the times are moments, not numbers."""


@dataclass
class _Batches:
    hashes: list[Hashes] = field(default_factory=list[Hashes])
    answers: list[Hashes] = field(default_factory=list[Hashes])
    keys: list[Hashes] = field(default_factory=list[Hashes])
    by: list[npt.NDArray[Any]] = field(default_factory=list[npt.NDArray[Any]])


def row_facts(
    rows: Dataset,
    inputs: Sequence[str],
    target: Target,
    split: Split,
    seed: int,
    key: Sequence[str],
    sketches: Sequence[Sketch],
) -> RowFacts:
    """The facts on all rows, in their order."""
    found = _Batches()
    seen: list[list[tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]]] = [[] for _ in sketches]
    # Equal rows that are said to be of two parts are equal all the same.
    hashed = [name for name in inputs if not isinstance(split, PredefinedSplit) or name != split.column]
    columns = dict.fromkeys((*inputs, target.name, *key))
    dated = False
    for batch in ahead(store.batches(rows, [*columns])):
        hashes = row_hashes(batch, hashed, seed)
        found.hashes.append(hashes)
        found.answers.append(value_hashes(batch.column(target.name), target.name))
        if key:
            found.keys.append(np.where(_present(batch, key), row_hashes(batch, key, seed), hashes))
        found.by.append(_by(batch, target, split, seed))
        dated = isinstance(split, TimeSplit) and pa.types.is_temporal(batch.column(split.column).type)
        for each, sketch in zip(seen, sketches, strict=True):
            each.append(sketch.of(batch))
    hashes = np.concatenate(found.hashes)
    return RowFacts(
        hashes=hashes,
        answers=np.concatenate(found.answers),
        keys=np.concatenate(found.keys) if key else hashes,
        by=np.concatenate(found.by),
        seen=[
            Seen(sketch, np.concatenate([one for one, _ in each]), np.concatenate([has for _, has in each]))
            for sketch, each in zip(sketches, seen, strict=True)
        ],
        dated=dated,
    )


def _present(batch: pa.RecordBatch, key: Sequence[str]) -> npt.NDArray[np.bool_]:
    return np.all([value_hashes(batch.column(name), name) != 0 for name in key], axis=0)


def _by(batch: pa.RecordBatch, target: Target, split: Split, seed: int) -> npt.NDArray[Any]:
    """What the batch's rows are split by; empty where their own hashes and answers are."""
    if isinstance(split, GroupSplit):
        return row_hashes(batch, split.columns, seed)
    if isinstance(split, TimeSplit):
        return times(batch.column(split.column), split.column)
    if isinstance(split, PredefinedSplit):
        return named_parts(batch.column(split.column), split.column)
    if isinstance(split, StratifiedSplit) and not target.classes:
        return batch.column(target.name).cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return np.zeros(0)
