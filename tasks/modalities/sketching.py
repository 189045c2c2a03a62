"""By which columns rows are found to be nearly equal: texts of language, which hardly repeat, and images.

Sounds are compared byte by byte alone: what is near to the ear is not near in any figure that is cheap to make.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tasks.core import store
from tasks.core.choices import Choice
from tasks.core.near import Sketch
from tasks.core.records import Dataset

if TYPE_CHECKING:
    import polars as pl

FIRST_ROWS = 10_000
"""They say whether a column is language, and whether it repeats; they stay the first when there are more."""
DIFFERENT = 0.5
"""A column of which fewer of the texts are different says the same of many rows, and tells no copies."""
ALIKE = 0.75
"""Of two texts' bytes that are equal: finds 99 of 100 pairs that have four fifths of their shingles in common, and
one of 1,000 that have half of them."""
BANDS, LAGS = 16, 8
IMAGE_LAGS = 32
"""A band of an image is 2 bytes, so more images share one by chance."""


def sketches(rows: Dataset, inputs: Sequence[str], said: Mapping[str, Choice]) -> list[Sketch]:
    """How to compare the rows: by all columns of language at once, and by each column of images."""
    texts = _language(rows, [each.name for each in rows.columns if each.name in inputs and each.type == "text"], said)
    found = [_of_texts(texts)] if texts else []
    return found + [_of_images(each.name) for each in rows.columns if each.name in inputs and each.type == "image"]


def _language(rows: Dataset, names: Sequence[str], said: Mapping[str, Choice]) -> tuple[str, ...]:
    import polars as pl

    from tasks.modalities.text import is_language

    wish = {name: choice.read != "category" for name, choice in said.items() if choice.read}
    first = store.scan(rows).select(names).head(FIRST_ROWS).collect()
    return tuple(
        each.name
        for each in first
        if each.dtype == pl.String and wish.get(each.name, is_language(each)) and _hardly_repeats(each)
    )


def _hardly_repeats(values: pl.Series) -> bool:
    present = values.drop_nulls()
    return present.n_unique() >= DIFFERENT * len(present)


def _of_texts(columns: tuple[str, ...]) -> Sketch:
    import polars as pl

    from tasks.core import shingles

    return Sketch(
        kind="text",
        columns=columns,
        band=shingles.BINS // BANDS,
        bands=BANDS,
        lags=LAGS,
        of=lambda batch: shingles.sketches(
            pl.select(
                pl.concat_str(
                    [pl.lit(pl.Series(batch.column(name))) for name in columns], separator=" ", ignore_nulls=True
                )
            ).to_series()
        ),
        alike=lambda one, other: (one == other).mean(axis=1) >= ALIKE,
    )


def _of_images(column: str) -> Sketch:
    from tasks.modalities import likeness

    return Sketch(
        kind="image",
        columns=(column,),
        band=2,
        bands=8,
        lags=IMAGE_LAGS,
        of=lambda batch: likeness.sketches(batch.column(column).to_pylist()),
        alike=likeness.alike,
    )
