"""Columns whose values in the test are others than in training by construction: counters of rows and of time, names of
groups. A model can learn nothing from them for the rows that it will meet."""

from __future__ import annotations

import numpy as np

from tasks.core.figures import percent
from tasks.examining.sampled import Sample, is_number, numbers

BEYOND = 0.95
"""Share of the test values that are outside the training values' range, or among none of them."""
ROWS = 20


def shifted(sample: Sample) -> dict[str, str]:
    """Numbers beyond the range of the training rows, and texts that were never there, in nearly all test rows."""
    found: dict[str, str] = {}
    for values in sample.train.iter_columns():
        test = sample.test[values.name].drop_nulls()
        present = values.drop_nulls()
        if len(test) < ROWS or len(present) < ROWS:
            continue
        if is_number(values.dtype):
            known, asked = numbers(present), numbers(test)
            beyond = float(((asked < np.nanmin(known)) | (asked > np.nanmax(known))).mean())
            what = "beyond the range of the training rows"
        else:
            beyond = float((~test.is_in(present.unique().to_list())).sum()) / len(test)
            what = "in no training row"
        if beyond >= BEYOND:
            found[values.name] = f"differs by construction: {percent(beyond)} of the test values are {what}"
    return found
