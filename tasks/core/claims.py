"""Which rows are there to be split, in the order in which they claim their places, with notes on the others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tasks.core.duplicates import Duplicates, first_of_each, of_each_key
from tasks.core.near import Rows
from tasks.core.records import Note
from tasks.core.row_facts import RowFacts
from tasks.core.row_hash import mix
from tasks.core.splits import LEFT_OUT, PredefinedSplit, Split, TimeSplit


def claims(
    facts: RowFacts, target: str, split: Split, duplicates: Duplicates, key: Sequence[str]
) -> tuple[Rows, Rows, list[Note]]:
    """The rows with a target (a time, a part), one of those that are equal or of one key; and the first of its key.

    They claim as they came, a key as its first row came; but rows that are named as test rows do so before others.
    """
    usable, notes = _usable(facts, target, split)
    order = np.flatnonzero(usable)
    if isinstance(split, PredefinedSplit):
        order = order[_test_first(facts, order)]
    if duplicates.keep == "all":
        return order, order, notes
    order, came, told = _different(facts, order, duplicates, key)
    if isinstance(split, PredefinedSplit):
        again = _test_first(facts, order)
        order, came = order[again], came[again]
    return order, came, [*notes, *told]


def _usable(facts: RowFacts, target: str, split: Split) -> tuple[npt.NDArray[np.bool_], list[Note]]:
    notes: list[Note] = []
    usable = facts.answers != 0
    if n_missing := int((~usable).sum()):
        notes.append(Note(kind="missing", column=target, n_rows=n_missing, text="without a target; left out"))
    if isinstance(split, TimeSplit | PredefinedSplit):
        what = "time" if isinstance(split, TimeSplit) else "part"
        has = np.isfinite(facts.by) if isinstance(split, TimeSplit) else facts.by != LEFT_OUT
        if n_without := int((usable & ~has).sum()):
            text = f"without a {what}; left out"
            notes.append(Note(kind="missing", column=split.column, n_rows=n_without, text=text))
        usable &= has
    return usable, notes


def _different(
    facts: RowFacts, order: Rows, duplicates: Duplicates, key: Sequence[str]
) -> tuple[Rows, Rows, list[Note]]:
    """One row of each key, or of those that are equal."""
    contents = mix(facts.hashes) + facts.answers
    if not key:
        rows = came = first_of_each(contents, order)
        text = "equal to an earlier row in all columns; left out"
    else:
        # A row without a key is one of its own, unless it is equal to another in all columns.
        identities = np.where(facts.keys == facts.hashes, contents, facts.keys)
        rows, came, n_differing = of_each_key(identities, contents, order, last=duplicates.keep == "last")
        others = f", {n_differing:,} of them different from it" if n_differing else ""
        text = f"of a key whose {duplicates.keep} row stays; left out{others}"
    n_repeated = len(order) - len(rows)
    column = key[0] if len(key) == 1 else None
    return rows, came, [Note(kind="duplicates", column=column, n_rows=n_repeated, text=text)] if n_repeated else []


def _test_first(facts: RowFacts, rows: Rows) -> Rows:
    return np.argsort(-facts.by[rows].astype(np.int64), kind="stable")
