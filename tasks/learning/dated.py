"""The rows in the order of time: those that a model of a date may learn from, and those that judge it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tasks.core.records import Splits
from tasks.learning import development
from tasks.learning.development import Array, Development

Moments = npt.NDArray[np.datetime64]


@dataclass(frozen=True)
class Dated:
    """Row numbers of `data` that may teach and that may judge, each in the order of `moments`, one for each row."""

    data: Development
    moments: Moments
    teaching: Array
    judging: Array


def load(splits: Splits, time: str, most_rows: int) -> Dated:
    """All rows with a moment in the column `time`, of training rows about `most_rows`.

    The test rows judge, for they chose nothing. Split by time they may teach what is judged by later ones; split
    otherwise, what is kept apart stays apart.
    """
    import polars as pl

    data = development.with_test(development.load(splits, most_rows), splits)
    moments = development.column(splits, time, most_rows, test=True).cast(pl.Datetime("us")).to_numpy()
    order = np.argsort(moments, kind="stable")
    order = order[~np.isnat(moments[order])]
    is_test = order >= len(moments) - splits.test.n_rows
    return Dated(data, moments, order if splits.time_column == time else order[~is_test], order[is_test])
