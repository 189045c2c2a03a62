"""Answered rows whose outcome came, as rows of the source: what a training learns from besides it.

The log is the truth: each training reads it anew, day by day, in the order of time, so the same answers and outcomes
give the same bytes. A request that a canary answered is one; what a shadow said to it is not another.
"""

from __future__ import annotations

from itertools import chain

from tasks.core import arrow, store
from tasks.core.predictions.segment import Role
from tasks.core.records import Dataset, Note, Record
from tasks.core.targets import ProblemWish

ANSWERED: tuple[Role, ...] = ("champion", "canary")


class Labelled(Record):
    """What a project says of its answered rows: what they need, to be rows of its source."""

    project: str
    target: str
    problem: ProblemWish | None = None
    key: tuple[str, ...] = ()
    time: str | None = None
    """The column that rows are split by in time: when a row was asked, where the log does not hold it."""
    part: str | None = None
    """The column that names a row's part: rows of the log are for training."""
    needed: tuple[str, ...] = ()
    """Columns without which a row is of no use: groups that are split by, and what the expectations demand."""
    unplaced: bool = False
    """Whether the split goes by the order of the rows: those of the log would then move when the source grows."""


def extended(source: Dataset, section: Labelled) -> Dataset:
    """The source's rows, then those of the prediction log; with notes on both those that came and those left out."""
    from tasks.core.predictions import reading
    from tasks.core.predictions.as_rows import Rows

    days = reading.days(store.home(), section.project, ANSWERED)
    if not days:
        return source
    if section.unplaced:
        text = "rows of the prediction log are left out: a stratified split goes by the order of the rows"
        return _noted(source, [Note(kind="labelled", column=None, n_rows=0, text=text)])
    rows = Rows(source, section)
    schema = store.schema(source)
    batches = (batch for day in days for batch in rows.of_day(day))
    first = next(batches, None)
    if first is None:
        # Without a count: what is told must not change while nothing that is learned from does.
        return _noted(source, [note.model_copy(update={"n_rows": 0}) for note in rows.notes()])
    parts = store.put_parts(arrow.grouped(chain([first], batches), schema), schema)
    columns = tuple(
        column.model_copy(update={"n_missing": column.n_missing + rows.missing[column.name]})
        for column in source.columns
    )
    whole = store.dataset(source.name, (*source.parts, *parts), columns)
    return _noted(whole.model_copy(update={"rejected": source.rejected, "notes": source.notes}), rows.notes())


def _noted(dataset: Dataset, notes: list[Note]) -> Dataset:
    return dataset.model_copy(update={"notes": (*dataset.notes, *notes)})
