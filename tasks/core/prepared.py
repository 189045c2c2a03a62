"""Rows as a model's splits hold them: cleaned of infinities, with declared features, answers, hashes and folds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.core import arrow, store
from tasks.core.ahead import ahead
from tasks.core.census import Census
from tasks.core.dealt import dealt
from tasks.core.errors import DataError
from tasks.core.expressions import computed, names_in
from tasks.core.functions import finite
from tasks.core.partition import Partition
from tasks.core.records import Dataset, Feature, Note, Target
from tasks.core.splits import PARTS
from tasks.core.targets import ProblemWish, answers, inferred_target

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True)
class Recipe:
    """What to make of raw rows: the columns kept, those to clean, the declared features and the target."""

    inputs: Sequence[str]
    unclean: Sequence[str]
    declared: Mapping[str, str]
    target: Target

    @property
    def columns(self) -> list[str]:
        """The raw columns to read."""
        return [*self.inputs, self.target.name]

    def prepared(self, batch: pa.RecordBatch) -> dict[str, pa.Array[Any]]:
        """The columns of the splits; those that only pass through are not even copied."""
        needed = {
            self.target.name,
            *self.unclean,
            *(name for text in self.declared.values() for name in names_in(text)),
        }
        raw = cast("pl.DataFrame", pl.from_arrow(batch.select(sorted(needed))))
        clean = raw.with_columns(finite(pl.col(name)) for name in self.unclean)
        cleaned = [name for name in self.unclean if name != self.target.name]
        answer = answers(pl.col(self.target.name), raw.schema[self.target.name], self.target)
        made = computed(clean, self.declared).select(*cleaned, *self.declared, answer).rechunk().to_arrow()
        columns: dict[str, pa.Array[Any]] = {name: batch.column(name) for name in self.inputs}
        return columns | {name: made.column(name).combine_chunks() for name in made.column_names}


def unclean_columns(rows: Dataset, names: Sequence[str]) -> tuple[Note, ...]:
    """A note on each of these columns that holds infinite values or NaN: they will count as missing."""
    lazy = store.scan(rows).select(names)
    floats = [name for name, dtype in lazy.collect_schema().items() if dtype.is_float()]
    counts = lazy.select((~pl.col(floats).is_finite()).sum()).collect(engine="streaming")
    text = "infinite or not a number; counted as missing"
    return tuple(
        Note(kind="missing", column=name, n_rows=counts[name][0], text=text) for name in floats if counts[name][0]
    )


def target(rows: Dataset, name: str, wish: ProblemWish | None) -> Target:
    """The target that this column makes, judged by its values that are there."""
    values = store.scan(rows).select(name).collect(engine="streaming")[name].drop_nulls()
    return inferred_target(values.filter(values.is_finite()) if values.dtype.is_float() else values, wish)


def columns_used(features: Iterable[Feature]) -> set[str]:
    """The raw columns that the features are made of: what a caller has to send."""
    used: set[str] = set()
    for feature in features:
        used |= {feature.name} if feature.expression is None else names_in(feature.expression)
    return used


def write(rows: Dataset, recipe: Recipe, placed: Partition) -> tuple[Dataset, Dataset, Dataset]:
    """The training, validation and test rows, in the order in which they were found."""
    schema = _schema(rows, recipe, placed)
    takers = [partial(_taken, name, schema) for name in PARTS]
    train, validation, test = dealt(_batches(rows, recipe, placed, schema), takers)
    _require_classes(train, recipe.target)
    return train, validation, test


def _require_classes(train: Dataset, target: Target) -> None:
    """DataError for a class without a training row: the model could never answer it."""
    seen = store.scan(train).select(pl.col(target.name).unique()).collect()[target.name]
    unseen = [name for name in target.classes if name not in set(seen)]
    if unseen:
        raise DataError(
            f"Class {unseen[0]!r} of target {target.name!r} has no training row",
            expected="rows of each class in training",
            found=f"{len(unseen)} of {len(target.classes)} classes only in validation and test",
            action="Collect more of it, leave its rows out, or say `split: {by: stratified}`",
        )


def _taken(name: str, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> Dataset:
    census = Census(schema, find_numbers=False)
    parts = store.put_parts(census.counting(arrow.grouped(batches, schema)), schema)
    return store.dataset(name, parts, census.columns())


def _batches(
    rows: Dataset, recipe: Recipe, placed: Partition, schema: pa.Schema
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """The prepared rows of each part, with its number; every row is read once."""
    at = 0
    for batch in ahead(store.batches(rows, recipe.columns)):
        here = slice(at, at + batch.num_rows)
        at += batch.num_rows
        columns = recipe.prepared(batch)
        columns["__row__"] = pa.array(placed.hashes[here])
        columns["__fold__"] = pa.array(placed.assignment.fold[here])
        if placed.groups is not None:
            columns["__group__"] = pa.array(placed.groups[here])
        whole = arrow.cast(pa.RecordBatch.from_pydict(columns), schema, "the prepared rows")
        for part in range(len(PARTS)):
            chosen = placed.assignment.part[here] == part
            if chosen.any():
                yield part, whole.filter(pa.array(chosen))


def _schema(rows: Dataset, recipe: Recipe, placed: Partition) -> pa.Schema:
    found = pq.read_schema(store.path(rows.parts[0].blob))
    empty = pa.RecordBatch.from_pylist([], pa.schema([found.field(name) for name in recipe.columns]))
    made = pa.RecordBatch.from_pydict(recipe.prepared(empty)).schema
    schema = arrow.normal_schema(made, "the prepared rows")
    schema = schema.append(pa.field("__row__", pa.uint64())).append(pa.field("__fold__", pa.uint8()))
    return schema if placed.groups is None else schema.append(pa.field("__group__", pa.uint64()))
