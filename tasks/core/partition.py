"""Where each row goes: one pass over the rows; some bytes a row stay in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from tasks.core.allocation import Codes, Parts, by_class, by_hash, folds, tenths, validation_by_hash
from tasks.core.chronology import by_time, gap_of
from tasks.core.claims import claims
from tasks.core.duplicates import Duplicates
from tasks.core.errors import DataError
from tasks.core.near import Rows, Sketch
from tasks.core.records import Dataset, Note, Target
from tasks.core.row_facts import RowFacts, row_facts
from tasks.core.row_hash import Hashes
from tasks.core.splits import (
    BEFORE_GAP,
    LEFT_OUT,
    PARTS,
    TRAIN,
    VALIDATION,
    Assignment,
    GroupSplit,
    HashSplit,
    PredefinedSplit,
    Split,
    StratifiedSplit,
    TimeSplit,
)
from tasks.core.together import Kin, Mask, Seen, untorn

T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True)
class Partition:
    """For each row its hash, part and fold, and notes on the rows that are left out.

    Rows of one of `groups` are in one part and one fold; None where each row may go where it will.
    """

    hashes: Hashes
    assignment: Assignment
    notes: tuple[Note, ...]
    groups: Hashes | None = None


def partition(
    rows: Dataset,
    inputs: Sequence[str],
    target: Target,
    split: Split,
    seed: int,
    duplicates: Duplicates,
    key: Sequence[str] = (),
    sketches: Sequence[Sketch] = (),
) -> Partition:
    """Where each row goes. Rows without a target, a time or a part, and repeated rows, are left out with a note.

    `sketches` say which rows are nearly equal: these are together, or the first one stays alone.
    """
    facts = row_facts(rows, inputs, target, split, seed, key, sketches)
    order, came, notes = claims(facts, target.name, split, duplicates, key)
    fixed = _fixed(facts, order, split, notes)
    if fixed is not None:
        order, fixed = order[inside := fixed.part != LEFT_OUT], _only(fixed, inside)
    units = facts.keys[order]
    tied = facts.by[order] if isinstance(split, GroupSplit) else units
    # Of a key the first class counts: one that changes later would move others.
    classes = _classes(facts, came, target) if isinstance(split, StratifiedSplit) else None
    choose = _chooser(units, classes, split)
    # By hash, rows of one key or of equal values come together by themselves, and those of a group always do.
    if facts.seen or isinstance(split, StratifiedSplit | PredefinedSplit) or (key and fixed is not None):
        kin = Kin(units, [Seen(one.sketch, one.bytes[order], one.present[order]) for one in facts.seen])
        placed = fixed or Assignment(kin.following(choose), np.zeros(len(order), np.uint8))
        stays, told = untorn(kin, _places(placed), duplicates.near, [one.sketch for one in facts.seen])
        notes += told
        tied = kin.groups(stays, tied)[stays]
        order, placed = order[stays], _only(placed, stays)
        classes = None if classes is None else classes[stays]
    else:
        placed = fixed or Assignment(choose(np.ones(len(order), np.bool_)), np.zeros(len(order), np.uint8))
    if not isinstance(split, TimeSplit):
        train = placed.part == TRAIN
        placed.fold[train] = folds(tied[train], split.n_folds, None if classes is None else classes[train])
    _require_all_parts(placed, split, near=bool(facts.seen) and duplicates.near != "ignore")
    grouped = bool(facts.seen or key or isinstance(split, GroupSplit))
    n_rows = len(facts.hashes)
    return Partition(
        facts.hashes,
        Assignment(_spread(placed.part, order, n_rows, LEFT_OUT), _spread(placed.fold, order, n_rows, 0)),
        tuple(notes),
        _spread(tied, order, n_rows, 0) if grouped else None,
    )


def _fixed(facts: RowFacts, order: Rows, split: Split, notes: list[Note]) -> Assignment | None:
    """The places that are given by time, group or name; None where the rows' hashes choose."""
    by = facts.by[order] if len(facts.by) else facts.by
    none = np.zeros(len(order), np.uint8)
    if isinstance(split, GroupSplit):
        return Assignment(by_hash(by, split), none)
    if isinstance(split, PredefinedSplit):
        named = VALIDATION in by
        return Assignment(by if named else validation_by_hash(facts.keys[order], by, split.validation), none)
    if not isinstance(split, TimeSplit):
        return None
    placed = by_time(by, split, gap_of(split, facts.dated))
    if n_between := int((placed.part == LEFT_OUT).sum()):
        text = f"within {split.gap} before validation or test begins; left out"
        notes.append(Note(kind="split", column=split.column, n_rows=n_between, text=text))
    return placed


def _classes(facts: RowFacts, order: Rows, target: Target) -> Codes:
    return np.unique(facts.answers[order], return_inverse=True)[1] if target.classes else tenths(facts.by[order])


def _chooser(units: Hashes, classes: Codes | None, split: Split) -> Callable[[Mask], Parts]:
    """What gives the rows that lead their parts, when nothing else does."""
    if isinstance(split, StratifiedSplit) and classes is not None:
        return lambda leads: by_class(classes[leads], units[leads], split)
    shares = split if isinstance(split, HashSplit) else HashSplit()
    return lambda leads: by_hash(units[leads], shares)


def _places(placed: Assignment) -> npt.NDArray[np.int64]:
    """One number for each part and fold."""
    return placed.part.astype(np.int64) * 256 + placed.fold % BEFORE_GAP


def _only(placed: Assignment, rows: Mask) -> Assignment:
    return Assignment(placed.part[rows], placed.fold[rows])


def _spread(values: npt.NDArray[T], rows: Rows, n_rows: int, otherwise: int) -> npt.NDArray[T]:
    """The values at their rows, and another for the rows that have none."""
    spread = np.full(n_rows, otherwise, values.dtype)
    spread[rows] = values
    return spread


def _require_all_parts(placed: Assignment, split: Split, near: bool) -> None:
    counts = np.bincount(placed.part, minlength=len(PARTS))
    empty = [name for name, n in zip(PARTS, counts, strict=False) if not n]
    gapped = isinstance(split, TimeSplit) and split.gap is not None
    if not empty and not gapped and not placed.fold.any():
        empty = ["a second fold"]
    if empty:
        what = "groups" if split.by == "group" else "rows"
        action = f"Give more {what}; below a hundred nothing reliable can be said"
        if near:
            action += "; or say `duplicates: {near: ignore}` if rows are nearly equal by nature"
        if gapped:
            action = "Make `split.gap` in project.yaml shorter than the parts are, or give more rows"
        if isinstance(split, PredefinedSplit):
            action = f"Say in {split.column!r} which rows are for it"
        raise DataError(
            f"There are too few {what} to split",
            expected="rows for training, validation and test",
            found=f"{len(placed.part):,} usable rows, none of them for {' and '.join(empty)}",
            action=action,
        )
