"""From the outside world into the store: the rows as they are found, before anybody judged them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import TYPE_CHECKING

from tasks.core import arrow, collected, progress, store
from tasks.core.ahead import ahead
from tasks.core.census import Census
from tasks.core.collected import Collected
from tasks.core.errors import DataError
from tasks.core.intake import Intake
from tasks.core.predictions.labelled import Labelled, extended
from tasks.core.records import Dataset
from tasks.core.step import action
from tasks.sources import Source
from tasks.sources.joined import Joined

if TYPE_CHECKING:
    import pyarrow as pa


@action
def collect(source: Source | Joined, anew: bool = False, labelled: Labelled | None = None) -> Dataset:
    """The source's rows in the store. Equal rows give an equal data set, whatever file they came in.

    Of a source that can go on from a place, only what is new is read; `anew` reads all of it again. `labelled` adds the
    answered rows of the prediction log whose outcome came.
    """
    if anew:
        collected.forget(source)
    before = collected.recall(source)
    schema = store.schema(before.dataset) if before else None
    intake = Intake(before.position if before else None, schema, collected.folder(source))
    batches = progress.told("collect", source.batches(intake))
    first = next((batch for batch in batches if batch.num_rows), None)
    if intake.restarted:
        before = None
    if first is None and before is None:
        raise DataError(f"{source.title} has no rows", expected="at least one", action="Check what wrote it")
    dataset, numbers, words = (
        _written(before, chain([first], batches), first.schema, source.title)
        if first is not None
        else (before.dataset, before.numbers, before.words)  # pyright: ignore[reportOptionalMemberAccess]
    )
    rejected = intake.rejected(before.dataset.rejected if before else None)
    # Without a new row nothing is told anew: an unchanged data set stays the same record.
    notes = intake.noted(before.dataset.notes if before else ()) if first is not None else dataset.notes
    dataset = dataset.model_copy(update={"rejected": rejected, "notes": notes})
    if intake.reached is not None:
        now = Collected(dataset=dataset, position=intake.reached, numbers=numbers, words=words)
        collected.remember(source, now)
    if intake.look:
        collected.describe(source, intake.look)
    collected.empty(source)
    return dataset if labelled is None else extended(dataset, labelled)


def _written(
    before: Collected | None, batches: Iterable[pa.RecordBatch], schema: pa.Schema, title: str
) -> tuple[Dataset, dict[str, int], dict[str, int]]:
    """The rows before and the new ones as one data set; of the former only the last part, which grows, is rewritten."""
    census = Census(schema, find_numbers=True)
    if before is None:
        parts = store.put_parts(ahead(census.counting(arrow.grouped(iter(batches), schema))), schema)
        return store.dataset("raw", parts, census.columns()), census.numbers, census.words
    _require_same(store.schema(before.dataset), schema, title)
    census.add(before.dataset, before.numbers, before.words)
    last = before.dataset.model_copy(update={"parts": before.dataset.parts[-1:]})
    stream = arrow.grouped(chain(store.batches(last), census.counting(batches)), schema)
    parts = (*before.dataset.parts[:-1], *store.put_parts(ahead(stream), schema))
    return store.dataset("raw", parts, census.columns()), census.numbers, census.words


def _require_same(schema: pa.Schema, found: pa.Schema, title: str) -> None:
    """DataError when the new rows do not have the columns of those collected before."""
    theirs, ours = ({field.name: str(field.type) for field in fields} for fields in (found, schema))
    for name in {**ours, **theirs}:
        if ours.get(name) != theirs.get(name):
            raise DataError(
                f"The new rows of {title} differ from those collected before in column {name!r}",
                expected=ours.get(name, "no such column"),
                found=theirs.get(name, "no such column"),
                action="Correct what wrote them, or collect everything again with `keepfit train --recollect`",
            )
