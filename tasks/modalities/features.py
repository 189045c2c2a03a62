"""What a model sees of each column of the training rows: a feature, or a note that says why none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from tasks.core import store
from tasks.core.choices import Choice
from tasks.core.errors import DataError
from tasks.core.records import Column, Dataset, Feature, Note
from tasks.modalities import MODALITIES, reading, tabular
from tasks.modalities.text import is_language
from tasks.modalities.treatments import treated

CELLS = 20_000_000
"""How many values are in memory at a time."""


def features(
    train: Dataset,
    columns: Sequence[Column],
    declared: Mapping[str, str],
    said: Mapping[str, Choice],
    time: str | None = None,
) -> tuple[tuple[Feature, ...], tuple[Note, ...]]:
    """The features that these columns make, and those that the project declares, and notes on those that make none.

    `said` is how the project wants some of them treated. Of `time`, the column that the rows are split by, a feature
    has the places in its cycles alone: its dates are others whenever the model is asked.
    """
    found: list[Feature | Note] = []
    table = [column.name for column in columns if column.type not in ("image", "sound")]
    at_once = max(1, CELLS // max(train.n_rows, 1))
    names = [*table, *declared]
    for start in range(0, len(names), at_once):
        frame = store.scan(train).select(names[start : start + at_once]).collect()
        for values in frame.iter_columns():
            found.append(_one(train, values, declared.get(values.name), said.get(values.name, Choice())))
    for column in columns:
        if column.name not in table and (modality := reading(column.type)) is not None:
            made = modality.feature(train, column.name, None)
            choice = said.get(column.name, Choice())
            found.append(made if isinstance(made, Note) else treated(made, pl.Series(dtype=pl.Null), choice))
    if time is not None:
        dates = store.scan(train).select(time).collect().to_series()
        found += tabular.cyclic(dates)
    made, notes = (
        tuple(each for each in found if isinstance(each, Feature)),
        tuple(each for each in found if isinstance(each, Note)),
    )
    if not made:
        raise no_feature(notes)
    return made, notes


def _one(train: Dataset, values: pl.Series, expression: str | None, said: Choice) -> Feature | Note:
    """What one column makes, and how it is made ready for a model."""
    made = _read(train, values, expression, said)
    return made if isinstance(made, Note) else treated(made, values, said)


def _read(train: Dataset, values: pl.Series, expression: str | None, said: Choice) -> Feature | Note:
    """What one column is. A text that is no category is language, or nothing."""
    is_text = values.dtype == pl.String
    if said.encode == "hash":
        return tabular.hashed(values, expression, "said to be hashed")
    if said.read == "category":
        return tabular.forced_category(values, expression)
    if said.read is not None:
        if not is_text:
            raise DataError(
                f"`columns` says that {values.name!r} is to be read as {said.read}",
                expected="a column of texts",
                found=f"{values.dtype}",
                action="Take it out of `columns` in project.yaml",
            )
        return MODALITIES[said.read].feature(train, values.name, expression)
    made = tabular.feature_or_note(values, expression)
    if isinstance(made, Feature) or not is_text or values.n_unique() < 2:
        return made
    if is_language(values):
        text = reading("text")
        return made if text is None else text.feature(train, values.name, expression)
    return tabular.hashed(values, expression, "text that comes again") if tabular.comes_again(values) else made


def no_feature(notes: Sequence[Note]) -> DataError:
    """That nothing is left to learn from, and why the first columns are not."""
    return DataError(
        "No column can be a feature",
        expected="at least one column that tells rows apart and comes again",
        found="; ".join(f"{note.column!r}: {note.text}" for note in notes[:3]) or "none besides the target",
        action="Declare features of the columns (`features:` in project.yaml), or add columns",
    )
