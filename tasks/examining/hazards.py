"""Columns that would harm a model, named before it is trained; they stay out unless the project keeps them by name."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import polars as pl

from tasks.core.records import BYTES, Column, Dataset, Note, Target
from tasks.core.splits import Split
from tasks.examining.afterwards import filled_by_outcome, later_than, next_answers
from tasks.examining.aggregates import aggregates
from tasks.examining.copies import copies
from tasks.examining.identifiers import identifiers, nearly_constant
from tasks.examining.leaks import leaks
from tasks.examining.personal import personal, personal_within
from tasks.examining.sampled import Sample, sampled
from tasks.examining.shifted import shifted
from tasks.examining.sums import sums
from tasks.modalities.text import is_language


def hazards(
    parts: Sequence[Dataset],
    columns: Sequence[Column],
    declared: Collection[str],
    target: Target,
    split: Split,
    keep: Collection[str],
) -> tuple[set[str], tuple[Note, ...]]:
    """The columns and declared features to leave out, and notes on these, on what is kept, and on what is within texts.

    `parts` are the training, validation and test rows; of the last only the columns are looked at, never the target.
    Declared features may leak and hold personal data; that they name rows or repeat a column is the project's wish.
    """
    train, test = parts[0], parts[-1]
    names = [each.name for each in columns if each.type not in BYTES] + list(declared)
    by = split.column if split.by == "time" else None
    if not names:
        return set(), ()
    sample = sampled(train, test, [*names, by] if by else names, target)
    rows, sample = sample.train, sample.only(names)
    language = [each.name for each in sample.train.iter_columns() if each.dtype == pl.String and is_language(each)]
    owners = {each.name: text for each in sample.train.iter_columns() if (text := personal(each))}
    found: dict[str, str] = dict(owners)
    unread = bool(language) or len(names) < len(columns) + len(declared)
    time = by
    for more in (
        leaks(sample, unread),
        filled_by_outcome(sample),
        later_than(time, rows) if time else {},
        next_answers(train, names, time, sample),
    ):
        found = more | found
    found = sums(sample, {*found} - {*owners}) | found
    found = aggregates(train, sum(part.n_rows for part in parts), sample, {*found}) | found
    found = _of_raw(train, sample.only([name for name in names if name not in declared]), split, {*found}) | found
    notes = [_note(name, found[name], name in owners, name in keep, train.n_rows) for name in names if name in found]
    for name in language:
        if name not in found and (told := personal_within(sample.train[name])):
            notes.append(Note(kind="personal", column=name, n_rows=train.n_rows, text=told))
    return {*found} - {*keep}, tuple(notes)


def _of_raw(train: Dataset, sample: Sample, split: Split, known: set[str]) -> dict[str, str]:
    found = identifiers(sample) | nearly_constant(train, sample)
    if split.columns:
        found = shifted(sample) | found
    return copies(sample, known | {*found}) | found


def _note(column: str, why: str, is_personal: bool, kept: bool, n_rows: int) -> Note:
    do = "kept as the project says" if kept else f"left out; say `keep: [{column}]` to use it all the same"
    return Note(kind="personal" if is_personal else "hazard", column=column, n_rows=n_rows, text=f"{why}; {do}")
