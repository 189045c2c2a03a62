"""From the outside world into the store: the rows as they are found, before anybody judged them."""

from __future__ import annotations

from itertools import chain

from tasks.core import arrow, store
from tasks.core.census import Census
from tasks.core.errors import DataError
from tasks.core.records import Dataset
from tasks.core.step import action
from tasks.sources import Source


@action
def collect(source: Source) -> Dataset:
    """The source's rows in the store. Equal rows give an equal data set, whatever file they came in."""
    batches = source.batches()
    first = next((batch for batch in batches if batch.num_rows), None)
    if first is None:
        raise DataError(f"{source.title} has no rows", expected="at least one", action="Check what wrote it")
    census = Census(first.schema, find_numbers=True)
    groups = arrow.grouped(chain([first], batches), first.schema)
    parts = store.put_parts(census.counting(groups), first.schema)
    return store.dataset("raw", parts, census.columns())
