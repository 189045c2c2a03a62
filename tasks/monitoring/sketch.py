"""The first look at a reference's rows, from which its cells are made: a sample, the extremes and all levels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.core.errors import DataError
from tasks.monitoring.cells import (
    LEVELS,
    MISSING,
    NEW,
    QUANTILES,
    RARE,
    RARE_LEVELS,
    WIDTH,
    Cells,
    Floats,
    Kind,
    floats,
    pc,
    texts,
)

ROWS = 200_000
"""Rows that the quantiles are taken from: every one, or every second, fourth, … of more."""
COUNTED = 100_000
"""Different levels that are counted; of a column with more (texts, names of rows) the first ones."""


def sketched(batches: Iterable[pa.RecordBatch], kinds: Mapping[str, Kind]) -> Cells:
    """The cells of a reference, in one pass and flat memory: 250 quantiles or the 62 commonest levels a column."""
    numbers = [name for name, kind in kinds.items() if kind == "number"]
    categories = [name for name, kind in kinds.items() if kind == "category"]
    sample: dict[str, Floats] = {name: np.empty(0) for name in numbers}
    extremes = dict.fromkeys(numbers, (np.inf, -np.inf))
    counted: dict[str, Counter[str]] = {name: Counter() for name in categories}
    stride, seen = 1, 0
    for batch in batches:
        if lost := [name for name in kinds if name not in batch.schema.names]:
            raise DataError(
                "The reference cannot be made",
                expected=f"the column {lost[0]!r}",
                found=", ".join(batch.schema.names) or "no column",
                action="Name the columns that the rows have",
            )
        rows = np.arange(-seen % stride, batch.num_rows, stride)
        seen += batch.num_rows
        for name in numbers:
            values = floats(batch, name)
            if (present := values[~np.isnan(values)]).size:
                extremes[name] = min(extremes[name][0], present.min()), max(extremes[name][1], present.max())
            sample[name] = np.append(sample[name], values[rows])
        for name in categories:
            _count(counted[name], batch.column(name))
        while numbers and len(sample[numbers[0]]) > ROWS:
            sample = {name: values[::2] for name, values in sample.items()}
            stride *= 2
    shares = np.zeros((len(kinds), WIDTH))
    edges = tuple(_edges(sample[name], *extremes[name]) for name in numbers)
    for column, (name, each) in enumerate(zip(numbers, edges, strict=True)):
        present = sample[name][~np.isnan(sample[name])]
        shares[column] = np.bincount(np.searchsorted(each, present, "right"), minlength=WIDTH)
    levels: list[tuple[str, ...]] = []
    rare: list[tuple[str, ...]] = []
    for column, name in enumerate(categories, len(numbers)):
        ranked = sorted(counted[name], key=lambda level, count=counted[name]: (-count[level], level))
        levels.append(tuple(sorted(ranked[:LEVELS])))
        rare.append(tuple(ranked[LEVELS : LEVELS + RARE_LEVELS]))
        shares[column, : len(levels[-1])] = [counted[name][level] for level in levels[-1]]
        shares[column, RARE] = sum(counted[name][level] for level in ranked[LEVELS:])
    shares[:, MISSING] = 0
    shares[len(numbers) :, NEW] = 0
    shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1)
    return Cells((*numbers, *categories), edges, tuple(levels), tuple(rare), shares)


def _count(counted: Counter[str], values: Any) -> None:
    """Add how often each level is there, by the dictionary's indices where there is one."""
    names = None
    if pa.types.is_dictionary(values.type):
        names, values = texts(values.dictionary), values.indices
    found = pc.value_counts(values if names is not None else texts(values))
    levels = found.field("values") if names is None else names.take(found.field("values"))
    for level, count in zip(levels.to_pylist(), found.field("counts").to_pylist(), strict=True):
        if level is not None and (level in counted or len(counted) < COUNTED):
            counted[level] += count


def _edges(values: Floats, least: float, most: float) -> Floats:
    """Where the cells begin: at the least value, at the quantiles, and just above the greatest value."""
    values = values[~np.isnan(values)]
    if least > most:
        return np.empty(0)
    inner = np.unique(values)
    if len(inner) > QUANTILES:
        inner = np.unique(np.quantile(values, np.arange(1, QUANTILES) / QUANTILES, method="lower"))
    with np.errstate(over="ignore"):
        return np.unique(np.concatenate([[least], inner, [np.nextafter(most, np.inf)]]))
