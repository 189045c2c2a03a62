"""What looks wrong in the rows: rules are found in an even sample of them, and then all rows are asked.

No row is left out for it: what a model is never taught, serving could not know to refuse. Rows that must not be are
for expectations.yaml, which holds in training and in serving alike.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.core import store
from tasks.core.figures import figure
from tasks.core.noise import Oddity
from tasks.core.records import Blob, Column, Dataset, is_provenance
from tasks.examining import impossible, outliers, units
from tasks.examining.doubts import ROW, Doubt, Numbers

if TYPE_CHECKING:
    import polars as pl

SAMPLED = 100_000
"""Rows that rules are found in, evenly chosen; fewer of a wide table."""
CELLS = 10_000_000
MOST_LEVELS = 60
"""Of a column of classes whose rows are compared with each other's."""
MOST_ODDITIES = 60
MOST_ASKED = 300
"""Doubts that all rows are asked about: in a wide table more than are told, and each is a pass over its column."""
MOST_ROWS = 10
"""Examples of an oddity."""
MOST_OTHERS = 6
MOST_LETTERS = 60


def oddities(dataset: Dataset) -> tuple[tuple[Oddity, ...], Blob | None, int]:
    """What looks wrong, the examples of it (see `Noise.rows`), and how many rows the rules were found in."""
    sample, stride = _sample(dataset)
    given = {values.name: values for values in sample}  # a wide frame looks for each name among all its names
    columns = [column for column in dataset.columns if column.name in given and not column.identifier]
    numbers = [
        _numbers(given[column.name], column, dataset.n_rows)
        for column in columns
        if given[column.name].dtype.is_numeric() or given[column.name].dtype.is_temporal()
    ]
    with np.errstate(all="ignore"):  # values near the largest number have no difference
        found = [
            *impossible.doubts(numbers),
            *units.doubts(numbers, _levels(sample), stride),
            *outliers.doubts(numbers),
        ]
    return (*_counted(dataset, found[:MOST_ASKED]), sample.height)


def shortened(row: dict[str, Any], most: int = MOST_OTHERS) -> str:
    """Some columns of a row as JSON of texts, for people."""
    there = ((name, value) for name, value in row.items() if value is not None and value != "")
    return json.dumps({name: _text(value) for name, value in list(there)[:most]}, ensure_ascii=False)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    text = f"{value:.7g}" if isinstance(value, float) else " ".join(str(value).split())
    return text if len(text) <= MOST_LETTERS else text[: MOST_LETTERS - 1] + "…"


def _sample(dataset: Dataset) -> tuple[pl.DataFrame, int]:
    """Every so-maniest row, and of how many; without columns of bytes."""
    import polars as pl

    schema = store.scan(dataset).collect_schema()
    names = [name for name, dtype in schema.items() if dtype != pl.Binary]
    most = min(SAMPLED, max(2_000, CELLS // max(1, len(names))))
    stride = max(1, -(-dataset.n_rows // most))
    lazy = store.scan(dataset).select(names)
    if stride > 1:
        lazy = lazy.with_row_index(ROW).filter(pl.col(ROW) % stride == 0).drop(ROW)
    return lazy.collect(engine="streaming"), stride


def _numbers(found: pl.Series, column: Column, n_rows: int) -> Numbers:
    empty = tuple(float(text) for text in column.missing_values if _is_float(text))
    moments = found.dtype.is_temporal()
    made = Numbers(column.name, np.empty(0), np.empty(0, np.intp), n_rows, empty, moments)
    values = found.to_frame().select(made.expression).to_series().fill_null(float("nan")).to_numpy()
    places = np.flatnonzero(~np.isnan(values))
    return Numbers(column.name, values[places], places, n_rows, empty, moments)


def _is_float(text: str) -> bool:
    try:
        return np.isfinite(float(text))
    except ValueError:
        return False


def _levels(sample: pl.DataFrame) -> units.Levels:
    """The columns of classes, those that say where a row comes from first."""
    import polars as pl

    found: dict[str, Any] = {}
    texts = [name for name, dtype in sample.schema.items() if dtype == pl.String or dtype == pl.Boolean]
    for name in sorted(texts, key=lambda name: not is_provenance(name)):
        values = sample[name].cast(pl.String)
        names = values.drop_nulls().unique().sort()
        if 2 <= len(names) <= MOST_LEVELS:
            codes = values.cast(pl.Enum(names)).to_physical().cast(pl.Int64).fill_null(-1).to_numpy()
            found[name] = (codes, names.to_list())
    return found


def _counted(dataset: Dataset, doubts: Sequence[Doubt]) -> tuple[tuple[Oddity, ...], Blob | None]:
    """The doubts that all rows confirm, with their number, and examples; of each column the first.

    What is impossible or in another unit need not be called far from the others as well.
    """
    import polars as pl

    if not doubts:
        return (), None
    lazy = store.scan(dataset).with_row_index(ROW)
    row = pl.col(ROW).cast(pl.Int64)
    asked = [
        expression
        for number, doubt in enumerate(doubts)
        for expression in (
            doubt.where.sum().alias(f"{number} n"),
            row.filter(doubt.where).min().alias(f"{number} first"),
            row.filter(doubt.where).max().alias(f"{number} last"),
        )
    ]
    counts = lazy.select(asked).collect(engine="streaming").row(0, named=True)
    made: list[Oddity] = []
    examples: list[pl.LazyFrame] = []
    for number, doubt in enumerate(doubts):
        n_rows = counts[f"{number} n"] or 0
        if not n_rows or len(made) == MOST_ODDITIES or doubt.column in {each.column for each in made}:
            continue
        examples.append(
            lazy.filter(doubt.where)
            .with_columns(extreme=doubt.extreme.cast(pl.Float64))
            .top_k(MOST_ROWS, by=["extreme", -row])
        )
        made.append(
            Oddity(
                kind=doubt.kind,
                column=doubt.column,
                n_rows=n_rows,
                share=n_rows / dataset.n_rows,
                first=counts[f"{number} first"] + 1,
                last=counts[f"{number} last"] + 1,
                text=doubt.text,
                advice=doubt.advice,
            )
        )
    return tuple(made), _examples(made, examples)


def _examples(made: Sequence[Oddity], examples: Sequence[pl.LazyFrame]) -> Blob | None:
    import polars as pl

    if not made:
        return None
    rows: list[tuple[int, int, str, str]] = []
    shown = [_shown(lazy, each.column) for each, lazy in zip(made, examples, strict=True)]
    for number, frame in enumerate(pl.collect_all(shown, engine="streaming")):
        for row in frame.sort("extreme", ROW, descending=[True, False]).drop("extreme").iter_rows(named=True):
            at, value = row.pop(ROW), row.pop(made[number].column)
            rows.append(
                (number, int(at) + 1, figure(value) if isinstance(value, float) else _text(value), shortened(row))
            )
    schema = {"oddity": pl.Int64, "row": pl.Int64, "value": pl.String, "others": pl.String}
    return store.put_table(pl.DataFrame(rows, schema=schema, orient="row"))


def _shown(lazy: pl.LazyFrame, column: str) -> pl.LazyFrame:
    """The column, and a few others that say which row it is."""
    import polars as pl

    schema = lazy.collect_schema()
    others = [name for name, dtype in schema.items() if dtype != pl.Binary and name not in (ROW, "extreme", column)]
    first = sorted(others, key=lambda name: not is_provenance(name))[: 2 * MOST_OTHERS]
    return lazy.select(ROW, "extreme", column, *first)
