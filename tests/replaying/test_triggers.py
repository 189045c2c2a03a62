"""The usual triggers: what fires, what does not, and that the detectors are river's own."""

from __future__ import annotations

import numpy as np
import polars as pl

from tasks.replaying import differing, triggers


def frame(shift: float, n: int = 2000, seed: int = 0) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    level = np.where(random.random(n) < 0.5 + shift / 4, "a", "b")
    return pl.DataFrame({"x": random.normal(shift, 1, n), "z": random.normal(size=n), "level": level})


def known(rows: pl.DataFrame) -> dict[str, differing.Known]:
    return {name: differing.Known(rows[name]) for name in rows.columns}


def test_half_of_the_columns_must_differ() -> None:
    reference, same, moved = frame(0.0), frame(0.0, seed=1), frame(1.0, seed=2)
    assert triggers._half_differ(known(reference), same) == ""
    assert triggers._half_differ(known(reference), moved) == "2 of 3 columns differ"
    assert triggers._half_differ(known(reference), same.with_columns(moved["x"])) == ""


def test_one_unstable_column_suffices() -> None:
    reference, same, moved = frame(0.0), frame(0.0, seed=1), frame(1.0, seed=2)
    assert triggers._unstable(known(reference), same) == ""
    assert triggers._unstable(known(reference), same.with_columns(moved["x"])).startswith("the PSI of x is 0.")


def test_the_index_is_that_of_its_definition() -> None:
    """Half in each bin against a fifth and four fifths."""
    reference, current = pl.Series("x", ["a", "b"] * 50), pl.Series("x", ["a"] * 20 + ["b"] * 80)
    expected = (0.2 - 0.5) * np.log(0.2 / 0.5) + (0.8 - 0.5) * np.log(0.8 / 0.5)
    assert abs(differing.stability(differing.Known(reference), current) - expected) < 1e-9


def test_a_column_without_values_alarms_nobody() -> None:
    reference = frame(0.0)
    empty = reference.with_columns(x=pl.lit(None, pl.Float64), level=pl.lit(None, pl.String))
    assert triggers._unstable(known(reference), empty) == "" and triggers._half_differ(known(reference), empty) == ""
