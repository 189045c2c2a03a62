"""What columns together leave open of the answer: judged whatever they hold."""

from __future__ import annotations

import numpy as np
import polars as pl

from tasks.core.records import Target
from tasks.examining.giveaway import left_open_by_all
from tasks.examining.sampled import answered


def test_a_column_of_infinite_values_alone_breaks_the_look_at_leaks() -> None:
    luck = np.random.default_rng(0)
    y = luck.normal(size=300)
    columns = pl.DataFrame({"near": y + luck.normal(size=300), "endless": [np.inf, np.nan] * 150})
    rows = columns.with_columns(pl.Series("y", y), pl.Series("__fold__", np.arange(300) % 4))
    sample = answered(rows, columns, columns, Target(name="y", problem="regression"), 300)
    assert 0.2 < left_open_by_all([columns["near"], columns["endless"]], sample)[0] < 0.9
