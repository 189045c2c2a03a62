"""What drift is looked for in: a few columns of numbers and categories for each input, declared feature and output.

`age` is the column itself, `photo · brightness` a view of it. Missing values stay missing, so that their share is
seen in any view of a column. A view is a function of the row alone, the same for reference rows and live ones.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import polars as pl

from tasks.core import expressions
from tasks.core.model_records import ModelCard
from tasks.core.records import BYTES, Feature, Record
from tasks.modalities import MODALITIES, words
from tasks.monitoring.view_values import DATE, Load, of_answers, of_hashes, of_media, of_values, read_as
from tasks.scoring import inputs

if TYPE_CHECKING:
    import pyarrow as pa

Of = Literal["input", "feature", "output"]


class ViewColumn(Record):
    """One column of the views: what it is of (an input, a declared feature, an output), and which view of it."""

    name: str
    of: str
    part: Of
    kind: Literal["number", "category"]


@dataclass(frozen=True)
class ViewPlan:
    """Which views a model's rows have."""

    card: ModelCard
    hashed: frozenset[str] = frozenset()
    load: Load | None = None
    columns: tuple[ViewColumn, ...] = field(default=())

    def of(self, batch: pa.RecordBatch | pl.DataFrame) -> pl.DataFrame:
        """The views of rows of the prediction log, or of raw rows with what `Scorer.predict` answered beside them.

        All the plan's columns, in order, float64 or text; one that the rows do not have is missing.
        """
        rows = batch if isinstance(batch, pl.DataFrame) else pl.DataFrame(batch)
        found: dict[str, pl.Series] = {}
        taken = _taken(rows, self.card, self.hashed)
        declared = [each for each in self.card.features if _is_watched(each, self.hashed)]
        with_declared = expressions.with_declared(taken, declared)
        time = rows["__time__"] if "__time__" in rows.columns else None
        for column in self.card.inputs:
            if column.name in self.hashed:
                present = rows[column.name].is_not_null() if column.name in rows.columns else None
                found[f"{column.name} · present"] = of_hashes(present, rows.height)
            elif column.type in BYTES:
                found |= of_media(rows, _read_as(self.card, column.name), column.name, self.load)
            else:
                found |= of_values(with_declared[column.name], _read_as(self.card, column.name), column.type, time)
        for each in declared:
            found |= of_values(with_declared[each.name], each, each.kind, time)
        found |= of_answers(rows, self.card)
        missing = {column.name: column.kind for column in self.columns if column.name not in found}
        empty = {name: pl.Series([None] * rows.height, dtype=_DTYPES[kind]) for name, kind in missing.items()}
        every = {name: values.alias(name) for name, values in (found | empty).items()}
        return pl.DataFrame([every[column.name] for column in self.columns])


def views(card: ModelCard, hashed: Collection[str] = (), load: Load | None = None) -> ViewPlan:
    """The views that the model's rows have.

    Of `hashed` columns only whether they are there; `load` gives the bytes of an image or a sound by its digest
    (`core/predictions/media.py`): without it their views are missing.
    """
    columns = tuple(_columns(card, frozenset(hashed)))
    return ViewPlan(card, frozenset(hashed), load, columns)


_DTYPES = {"number": pl.Float64(), "category": pl.String()}


def _columns(card: ModelCard, hashed: frozenset[str]) -> Iterator[ViewColumn]:
    for column in card.inputs:
        if column.name in hashed:
            yield ViewColumn(name=f"{column.name} · present", of=column.name, part="input", kind="number")
        else:
            yield from _named(column.name, _read_as(card, column.name), column.type, "input")
    for each in card.features:
        if _is_watched(each, hashed):
            yield from _named(each.name, each, each.kind, "feature")
    kind: Literal["number", "category"] = "category" if card.target.classes else "number"
    yield ViewColumn(name="prediction", of="prediction", part="output", kind=kind)
    for name in (*card.target.classes, "confidence") if card.target.classes else ():
        shown = "confidence" if name == "confidence" else f"probability · {name}"
        yield ViewColumn(name=shown, of="prediction", part="output", kind="number")


def _named(name: str, feature: Feature | None, kind: str, part: Of) -> Iterator[ViewColumn]:
    read = read_as(feature, kind)
    if read == "date":
        for view, of_kind in DATE:
            yield ViewColumn(name=f"{name} · {view}", of=name, part=part, kind=of_kind)
    elif read in MODALITIES:
        watched = MODALITIES[read].watched if feature is not None else words.WATCHED
        for view in watched:
            yield ViewColumn(name=f"{name} · {view}", of=name, part=part, kind="number")
    else:
        yield ViewColumn(name=name, of=name, part=part, kind="category" if read == "category" else "number")


def _taken(rows: pl.DataFrame, card: ModelCard, hashed: frozenset[str]) -> pl.DataFrame:
    """The inputs in their types, but for those that are bytes or hashes."""
    plain = [column for column in card.inputs if column.type not in BYTES and column.name not in hashed]
    return inputs.taken(rows, plain, missing_ok=True)


def _is_watched(feature: Feature, hashed: frozenset[str]) -> bool:
    return feature.expression is not None and not (expressions.names_in(feature.expression) & hashed)


def _read_as(card: ModelCard, column: str) -> Feature | None:
    """The feature that the model makes of the raw column as it is."""
    return next((each for each in card.features if each.name == column and each.expression is None), None)
