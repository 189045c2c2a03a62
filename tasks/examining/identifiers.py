"""Columns of numbers that name rows instead of describing them, and columns that nearly never vary."""

from __future__ import annotations

import re

import numpy as np

from tasks.core import store
from tasks.core.records import Dataset
from tasks.examining.sampled import Sample, are_whole, numbers

ROWS = 100
"""With fewer, numbers that describe may well be all different."""
REPEATS = 20.0
"""So many pairs of equal values would come by chance if the numbers were drawn from their range as they liked."""
NAMED = 0.98
"""Share of different values from which a column that is called an identifier is one."""
ID = re.compile(r"(^|[_ .-])(id|ids|uuid|guid|nr|no|index|idx|key|rownum|row|pk)$|Id$|ID$|^id(?=[_ .-])", re.ASCII)
VARIES = 5
"""Rows that differ from the commonest value; fewer tell nothing in training, and less in each fold."""
LEAST_SHARE = 1e-4


def identifiers(sample: Sample) -> dict[str, str]:
    """Whole numbers that never come again though there are few to choose from, or whose name says what they are."""
    found: dict[str, str] = {}
    for values in sample.train.iter_columns():
        if not values.dtype.is_numeric():
            continue
        n_rows = len(values) - values.null_count()
        n_different = sample.n_different[values.name] - values.has_nulls()
        if n_rows < ROWS or n_rows < 0.5 * len(values) or n_different < NAMED * n_rows or not are_whole(values):
            continue
        present = numbers(values)
        low, high = float(np.nanmin(present)), float(np.nanmax(present))
        pairs = n_rows * (n_rows - 1) / 2 / (high - low + 1)
        if n_different == n_rows and pairs >= REPEATS:
            found[values.name] = (
                f"is an identifier: whole numbers over a range of {high - low + 1:,.0f}, and none of the "
                f"{n_rows:,} comes twice"
            )
        elif ID.search(values.name):
            found[values.name] = (
                f"is an identifier by its name, and has {n_different:,} different numbers in {n_rows:,} rows"
            )
    return found


def nearly_constant(train: Dataset, sample: Sample) -> dict[str, str]:
    """Columns in which but a few rows differ from the commonest value; those where none does are not named."""
    least = max(VARIES, int(np.ceil(LEAST_SHARE * train.n_rows)))
    if train.n_rows < 50 * VARIES:
        return {}
    found: dict[str, str] = {}
    for values in sample.train.iter_columns():
        if sample.n_different[values.name] > least + 1:
            continue
        counts = store.scan(train).group_by(values.name).len().sort("len").collect(engine="streaming")["len"]
        n_others = int(counts[:-1].sum())
        if 0 < n_others < least:
            found[values.name] = (
                f"is nearly constant: only {n_others:,} of {train.n_rows:,} rows differ from the others"
            )
    return found
