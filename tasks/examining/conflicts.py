"""Rows that are equal in all that a model sees and have different answers: what no model can get right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tasks.core import store
from tasks.core.figures import figure
from tasks.core.noise import Conflicts
from tasks.core.records import Blob, Splits
from tasks.core.row_hash import Hashes, row_hashes, value_hashes
from tasks.examining.noise import shortened

if TYPE_CHECKING:
    import polars as pl

COMPARED = 2_000_000
"""Rows that are compared; of more, all rows of some of the hashes, so that equal ones stay together."""
MOST_GROUPS = 10
MOST_ANSWERS = 5
FEW_INPUTS = 0.2
"""When more of the rows are equal to another in their inputs, the columns are too few to tell rows apart."""
PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class _Compared:
    """For each row a hash of what the model sees, one of its answer, and where it is; sorted by the first two."""

    keys: Hashes
    answers: npt.NDArray[Any]
    parts: npt.NDArray[np.uint8]
    places: npt.NDArray[np.int64]


def conflicts(splits: Splits) -> tuple[Conflicts | None, Blob | None]:
    """How many such rows there are, what is the best that can be reached, and examples; None where there are none."""
    rows = _read(splits)
    starts = np.flatnonzero(np.append(True, rows.keys[1:] != rows.keys[:-1]))
    sizes = np.diff(np.append(starts, len(rows.keys)))
    ends = starts + sizes - 1
    # Answers are sorted within a group, so it is of one answer when the first is the last.
    mixed = np.flatnonzero(rows.answers[starts] != rows.answers[ends])
    if not len(mixed):
        return None, None
    lost = _lost(rows, starts, sizes, splits.target.problem == "regression")
    regression, n = splits.target.problem == "regression", len(rows.keys)
    told = Conflicts(
        n_judged=n,
        n_groups=len(mixed),
        n_rows=int(sizes[mixed].sum()),
        metric="rmse" if regression else "accuracy",
        best=float(np.sqrt(lost.sum() / n)) if regression else 1 - float(lost.sum() / n),
        advice=_advice(float(sizes[sizes > 1].sum() / n), splits),
    )
    order = np.lexsort((rows.keys[starts[mixed]], -lost[mixed]))[:MOST_GROUPS]
    return told, _examples(splits, rows, [(int(starts[group]), int(sizes[group])) for group in mixed[order]])


def _advice(again: float, splits: Splits) -> str:
    if again > FEW_INPUTS:
        return f"The columns are too few to tell rows apart: add what else `{splits.target.name}` depends on"
    return (
        f"Look at these rows: correct `{splits.target.name}` where it is wrong, or add the column that tells them apart"
    )


def _read(splits: Splits) -> _Compared:
    seen = [feature.name for feature in splits.features]
    # Images and sounds were hashed with their rows already, and are not read again.
    wide = any(feature.kind in ("image", "sound") for feature in splits.features)
    target = splits.target
    datasets = [getattr(splits, name) for name in PARTS]
    step = np.uint64(max(1, -(-sum(each.n_rows for each in datasets) // COMPARED)))
    keys: list[Hashes] = []
    answers: list[npt.NDArray[Any]] = []
    parts: list[npt.NDArray[np.uint8]] = []
    places: list[npt.NDArray[np.int64]] = []
    for part, dataset in enumerate(datasets):
        at = 0
        for batch in store.batches(dataset, ["__row__", target.name] if wide else [*seen, target.name]):
            key = batch.column("__row__").to_numpy() if wide else row_hashes(batch, seen, 0)
            chosen = np.flatnonzero(key % step == 0)
            answer = batch.column(target.name)
            kept = answer.to_numpy(zero_copy_only=False) if target.problem == "regression" else value_hashes(answer, "")
            keys.append(key[chosen])
            answers.append(kept[chosen])
            parts.append(np.full(len(chosen), part, np.uint8))
            places.append(chosen + at)
            at += batch.num_rows
    key, answer = np.concatenate(keys), np.concatenate(answers)
    order = np.lexsort((answer, key))
    return _Compared(key[order], answer[order], np.concatenate(parts)[order], np.concatenate(places)[order])


def _lost(
    rows: _Compared, starts: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64], regression: bool
) -> npt.NDArray[np.float64]:
    """For each group what the best answer to it loses: rows that are not of its commonest class, or squares."""
    if regression:
        means = np.add.reduceat(rows.answers, starts) / sizes
        return np.add.reduceat((rows.answers - np.repeat(means, sizes)) ** 2, starts)
    change = np.append(True, (rows.keys[1:] != rows.keys[:-1]) | (rows.answers[1:] != rows.answers[:-1]))
    first = np.flatnonzero(change)
    counts = np.diff(np.append(first, len(rows.keys)))
    return (sizes - np.maximum.reduceat(counts, np.searchsorted(first, starts))).astype(np.float64)


def _examples(splits: Splits, rows: _Compared, groups: list[tuple[int, int]]) -> Blob:
    import polars as pl

    table: list[tuple[int, str, int, str]] = []
    for number, (start, size) in enumerate(groups):
        answers = rows.answers[start : start + size]
        _, first, counts = np.unique(answers, return_index=True, return_counts=True)
        for which in np.argsort(-counts, kind="stable")[:MOST_ANSWERS]:
            at = start + int(first[which])
            values = _row(splits, PARTS[rows.parts[at]], int(rows.places[at]))
            answer = values.pop(splits.target.name)
            table.append(
                (
                    number,
                    figure(answer) if isinstance(answer, float) else str(answer),
                    int(counts[which]),
                    shortened(values),
                )
            )
    schema = {"group": pl.Int64, "answer": pl.String, "n_rows": pl.Int64, "inputs": pl.String}
    return store.put_table(pl.DataFrame(table, schema=schema, orient="row"))


def _row(splits: Splits, part: str, place: int) -> dict[str, Any]:
    names = [feature.name for feature in splits.features if feature.kind not in ("image", "sound")]
    lazy: pl.LazyFrame = store.scan(getattr(splits, part)).select(*names, splits.target.name)
    return lazy.slice(place, 1).collect().row(0, named=True)
