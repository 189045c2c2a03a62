"""The explainer names the columns and the rows that moved, and calls equal rows equal."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tasks.core.errors import DataError
from tasks.monitoring.explain import explain
from tasks.monitoring.sketch import sketched


def batch(n_rows: int, seed: int, moved: int = 0) -> pa.RecordBatch:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(2, n_rows))
    x[:moved] += 4
    return pa.record_batch({"x": x, "y": y, "level": pa.array(rng.choice(["a", "b", None], n_rows))})


def test_rows_that_moved_are_named_with_the_column() -> None:
    reference, current = batch(2_000, 0), batch(2_000, 1, moved=300)
    cells = sketched([reference], {"x": "number", "y": "number", "level": "category"})
    told = explain(cells, [reference], [current.slice(0, 900), current.slice(900)])
    assert told.low > 0.5 and told.columns[0].column == "x"
    assert all(row < 300 for row in told.rows)
    assert explain(cells, [reference], [current]) == told


def test_equal_rows_cannot_be_told_apart() -> None:
    reference = batch(2_000, 0)
    cells = sketched([reference], {"x": "number", "y": "number", "level": "category"})
    told = explain(cells, [reference], [batch(2_000, 2)])
    assert 0.45 < told.low < 0.5 < told.high < 0.55


def test_a_few_rows_are_refused_in_words() -> None:
    reference = batch(200, 0)
    cells = sketched([reference], {"x": "number"})
    with pytest.raises(DataError, match="found 200 and 3"):
        explain(cells, [reference], [batch(3, 1)])
