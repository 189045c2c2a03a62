"""Rows as a model's splits hold them: cleaned of infinities, with declared features, answers, hashes and folds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import polars as pl
import pyarrow as pa

from tasks.core import arrow, store
from tasks.core.census import Census
from tasks.core.errors import DataError
from tasks.core.expressions import computed, names_in
from tasks.core.partition import PARTS, Partition
from tasks.core.records import Dataset, Feature, Note, Target
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

    def prepared(self, batch: pa.RecordBatch) -> pl.DataFrame:
        """The rows with their declared features and answers."""
        raw = cast("pl.DataFrame", pl.from_arrow(batch))
        clean = raw.with_columns(pl.when(pl.col(name).is_finite()).then(pl.col(name)) for name in self.unclean)
        answer = answers(pl.col(self.target.name), raw.schema[self.target.name], self.target)
        rows = clean.select(*self.inputs, answer)
        return computed(rows, self.declared).select(*self.inputs, *self.declared, self.target.name)


def unclean_columns(rows: Dataset) -> tuple[Note, ...]:
    """A note on each column that holds infinite values or NaN: they will count as missing."""
    lazy = store.scan(rows)
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
    schema = _schema(rows, recipe)
    train, validation, test = (_write(rows, recipe, placed, part, schema) for part in range(len(PARTS)))
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
            action="Collect more of it, or leave its rows out",
        )


def _write(rows: Dataset, recipe: Recipe, placed: Partition, part: int, schema: pa.Schema) -> Dataset:
    census = Census(schema, find_numbers=False)
    groups = arrow.grouped(_batches(rows, recipe, placed, part, schema), schema)
    parts = store.put_parts(census.counting(groups), schema)
    return store.dataset(PARTS[part], parts, census.columns())


def _batches(
    rows: Dataset, recipe: Recipe, placed: Partition, part: int, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    at = 0
    for batch in store.batches(rows, _columns(recipe)):
        here = slice(at, at + batch.num_rows)
        at += batch.num_rows
        chosen = placed.assignment.part[here] == part
        if not chosen.any():
            continue
        frame = recipe.prepared(batch.filter(pa.array(chosen))).with_columns(
            pl.Series("__row__", placed.hashes[here][chosen], pl.UInt64),
            pl.Series("__fold__", placed.assignment.fold[here][chosen], pl.UInt8),
        )
        for found in frame.to_arrow().combine_chunks().to_batches():
            yield arrow.cast(found, schema, PARTS[part])


def _columns(recipe: Recipe) -> list[str]:
    return [*recipe.inputs, recipe.target.name]


def _schema(rows: Dataset, recipe: Recipe) -> pa.Schema:
    empty = next(store.batches(rows, _columns(recipe))).slice(0, 0)
    schema = arrow.normal_schema(recipe.prepared(empty).to_arrow().schema, "the prepared rows")
    return schema.append(pa.field("__row__", pa.uint64())).append(pa.field("__fold__", pa.uint8()))
