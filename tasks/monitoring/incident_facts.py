"""What broken rows are told by: small facts of the reference rows, made once, which travel with the model.

A fact is a bound rather than a mean: how far a block of the reference (a day, else neighbouring rows) ever was from
the whole. What the reference itself did is no incident.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from tasks.core.arrow import column_type, normal_type
from tasks.core.records import BYTES, Column, ColumnType, Record, is_provenance
from tasks.monitoring.incident_timing_facts import Arrivals, Timing
from tasks.monitoring.incident_values import (
    as_text,
    at_grid,
    decimals,
    is_garbled,
    numbers,
    reads_as_number,
    shape,
    sizes,
)

MOST_LEVELS = 100
LONGEST_LEVEL = 60
COVERED = 0.99
"""Of the rows that have a value, where the levels that are kept are all there is."""
BLOCKS = 30
FEWEST_IN_BLOCK = 40
"""Rows: fewer are constant, or all missing, by chance."""
MOST_ROWS = 100_000
CHANCE = 0.001
"""Below which a day of few rows does not hold the commonest value alone by chance."""


class ColumnFacts(Record):
    """How the values of one column were. Shares are of the rows, or of the values where they say so."""

    name: str
    type: ColumnType
    n_values: int
    missing: float
    most_missing: float
    """In any block."""
    n_distinct: int
    commonest: float
    """The commonest value's share of the values."""
    constant_blocks: float
    """The share of blocks, or of days, with a single value: a month is constant within a day, and not stuck."""
    quantiles: tuple[float, ...] = ()
    """Of numbers, of dates as seconds, of texts' lengths; at GRID."""
    sizes: tuple[float, ...] = ()
    """Of log10 |x| of the numbers that are not 0."""
    size_range: tuple[float, float] = (0.0, 0.0)
    """Between which the median of that was in all blocks."""
    whole: float = 0.0
    """Numbers without a fraction, as a share of the values."""
    decimals: int | None = None
    """Digits behind the point that numbers have, nearly all of them; None where they have any."""
    negative: float = 0.0
    levels: tuple[str, ...] = ()
    """All values of a category; empty where there are too many."""
    numeric: float = 0.0
    """Texts that read as numbers, as a share of the values."""
    shapes: tuple[str, ...] = ()
    """Texts whose letters are a and digits 9, where a few such shapes are all."""
    garbled: float = 0.0
    identifier: bool = False


class Facts(Record):
    """What an incident is told by, of the reference rows; below 50 kB as JSON for a hundred columns."""

    n_rows: int
    columns: tuple[ColumnFacts, ...]
    repeated: float
    """Rows that equal an earlier one."""
    commonest_row: float
    timing: Timing | None = None

    @classmethod
    def of(cls, reference: pl.DataFrame, columns: Sequence[Column] = (), time: str | None = None) -> Facts:
        """The facts of reference rows. Without `columns` they are those of the frame; `time` says when a row came."""
        known = columns or columns_of(reference, time)
        reference = reference.sort(time, maintain_order=True) if time is not None else reference
        if reference.height > MOST_ROWS:
            reference = reference.gather_every(-(-reference.height // MOST_ROWS))
        days = reference[time].cast(pl.Datetime("us")).dt.date() if time is not None else None
        blocks = _blocks(reference, days)
        there = [column for column in known if column.name in reference.columns]
        whole = reference.select(column.name for column in there)
        counts = whole.group_by(whole.columns).len()["len"] if whole.width else pl.Series([0])
        return cls(
            n_rows=reference.height,
            columns=tuple(_facts(reference[column.name], column, blocks, days) for column in there),
            repeated=float((counts - 1).sum() / max(reference.height, 1)),
            commonest_row=float(counts.max() or 0) / max(reference.height, 1),  # type: ignore[arg-type]
            timing=Arrivals.of(reference[time]).timing() if time is not None else None,
        )


def columns_of(rows: pl.DataFrame, time: str | None = None) -> list[Column]:
    """The frame's columns with keepfit's types, but for what says where or when a row came."""
    found: list[Column] = []
    for field in rows.head(0).to_arrow().schema:
        kind = normal_type(field.type)
        if kind is not None and field.name != time and not is_provenance(field.name):
            found.append(Column(name=field.name, type=column_type(kind), n_missing=0))
    return found


def _blocks(rows: pl.DataFrame, days: pl.Series | None) -> pl.Series:
    if days is not None and rows.height >= FEWEST_IN_BLOCK * days.n_unique():
        return days.rank("dense").fill_null(0).cast(pl.Int64)
    n_blocks = max(1, min(BLOCKS, rows.height // FEWEST_IN_BLOCK))
    return pl.Series(np.arange(rows.height) * n_blocks // max(rows.height, 1), dtype=pl.Int64)


def _facts(values: pl.Series, column: Column, blocks: pl.Series, days: pl.Series | None) -> ColumnFacts:
    present = values.drop_nulls()
    if present.dtype.is_float():
        present = present.filter(present.is_finite())
    counts = present.value_counts()["count"] if len(present) else pl.Series([0])
    n_distinct = len(counts) if len(present) else 0
    grouped = pl.DataFrame({"value": values, "block": blocks}).group_by("block")
    by_block = grouped.agg(missing=pl.col("value").is_null().mean(), n=pl.col("value").drop_nulls().n_unique())
    commonest = float(counts.max() or 0) / max(len(present), 1)  # type: ignore[arg-type]
    constant = float((by_block["n"] <= 1).mean() or 0.0)  # type: ignore[arg-type]
    facts = ColumnFacts(
        name=column.name,
        type=column.type,
        n_values=len(present),
        missing=values.null_count() / max(len(values), 1),
        most_missing=float(by_block["missing"].max() or 0.0),  # type: ignore[arg-type]
        n_distinct=n_distinct,
        commonest=commonest,
        constant_blocks=constant if days is None else max(constant, _constant_days(values, days, commonest)),
        identifier=column.identifier,
    )
    if column.type in BYTES or not len(present):
        return facts
    more: dict[str, object] = {"quantiles": tuple(float(f"{value:.7g}") for value in at_grid(numbers(present)))}
    if present.dtype.is_numeric():
        more |= _of_numbers(present, values, blocks)
    elif present.dtype == pl.String:
        more |= _of_texts(present)
    if present.dtype == pl.String or present.dtype == pl.Boolean or n_distinct <= 12:
        common = present.value_counts(sort=True)
        share = common["count"].head(MOST_LEVELS).sum() / len(present)
        levels = as_text(common[present.name].head(MOST_LEVELS)).sort().to_list()
        if share >= COVERED and n_distinct <= len(present) / 3 and max(map(len, levels)) <= LONGEST_LEVEL:
            more["levels"] = tuple(levels)
    return facts.model_copy(update=more)


def _constant_days(values: pl.Series, days: pl.Series, commonest: float) -> float:
    """The share of days with a single value, as chance does not make it of so few rows: it is a weekend, or a month."""
    grouped = pl.DataFrame({"value": values, "day": days}).drop_nulls().group_by("day")
    by_day = grouped.agg(n=pl.len(), different=pl.col("value").n_unique())
    single = (by_day["different"] == 1).to_numpy() & (commonest ** by_day["n"].to_numpy() < CHANCE)
    return float(single.mean()) if len(single) else 0.0


def _of_numbers(present: pl.Series, values: pl.Series, blocks: pl.Series) -> dict[str, object]:
    found = numbers(present)
    size = at_grid(sizes(found))
    medians = (
        pl.DataFrame({"x": values.cast(pl.Float64), "block": blocks})
        .filter(pl.col("x").is_finite() & (pl.col("x") != 0))
        .group_by("block")
        .agg(size=pl.col("x").abs().log(10).median(), n=pl.len())
        .filter(pl.col("n") >= 3)["size"]
    )
    ends = (float(medians.min()), float(medians.max())) if len(medians) else (0.0, 0.0)  # type: ignore[arg-type]
    return {
        "sizes": tuple(float(f"{value:.6g}") for value in size),
        "size_range": ends,
        "whole": float((found == np.floor(found)).mean()),
        "decimals": decimals(found),
        "negative": float((found < 0).mean()),
    }


def _of_texts(present: pl.Series) -> dict[str, object]:
    shapes = shape(present).value_counts(sort=True)
    few = shapes.head(5)
    covered = few["count"].sum() / len(present)
    return {
        "numeric": float(reads_as_number(present).mean() or 0.0),  # type: ignore[arg-type]
        "garbled": float(is_garbled(present).mean() or 0.0),  # type: ignore[arg-type]
        "shapes": tuple(few[present.name].to_list()) if covered >= COVERED else (),
    }
