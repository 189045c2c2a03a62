"""The rows on which an export is judged: if one kind is not among them, that kind of error is not found."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tasks.core.records import Feature
from tasks.exports.parity import MOST_ROWS, TOLERANCE, largest_difference, parity_rows
from tasks.modalities.matrix import matrix

FEATURES = (
    Feature(name="n", kind="number"),
    Feature(name="c", kind="category", levels=("a", "b")),
    Feature(name="b", kind="boolean"),
    Feature(name="d", kind="date"),
)


def frame(n_rows: int) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    days = pl.Series(rng.integers(0, 20_000, n_rows), dtype=pl.Int32).cast(pl.Date)
    codes = pl.Series(rng.choice(["a", "b"], n_rows).tolist(), dtype=pl.String)
    return pl.DataFrame({"n": rng.normal(size=n_rows), "c": codes, "b": rng.random(n_rows) < 0.5, "d": days})


@pytest.mark.parametrize("n_rows", [0, 1, 5, 50_000])
def test_every_strange_value_is_there_alone(n_rows: int) -> None:
    rows = parity_rows(frame(n_rows), FEATURES)
    assert len(rows) <= MOST_ROWS
    assert np.isnan(rows).all(axis=1).sum() == 1
    for column in range(4):
        assert ((np.isnan(rows).sum(axis=1) == 1) & np.isnan(rows[:, column])).any()
    assert {1e30, -1e30, 0.0, 1e-30, -1e-30} <= set(rows[:, 0]) and {1e30, -1e30} <= set(rows[:, 3])
    assert -1.0 in rows[:, 1] and {0.0, 1.0} <= set(rows[:, 2])
    assert not np.isin(rows[:, 1:3], [1e30, -1e30]).any()


def test_real_rows_come_from_the_whole_frame_unchanged() -> None:
    data = frame(50_000)
    real = parity_rows(data, FEATURES)[:800]
    everything = matrix(data, FEATURES)
    positions = [int(np.flatnonzero((everything == row).all(axis=1))[0]) for row in real[[0, 400, -1]]]
    assert positions[0] == 0 and 20_000 < positions[1] < 30_000 and positions[2] == 49_999


def test_the_same_frame_gives_the_same_rows() -> None:
    np.testing.assert_array_equal(parity_rows(frame(300), FEATURES), parity_rows(frame(300), FEATURES))


def test_a_wide_frame_stays_small_with_strange_values_over_its_whole_width() -> None:
    names = [f"x{i}" for i in range(3_000)]
    features = tuple(Feature(name=name, kind="number") for name in names)
    rows = parity_rows(pl.DataFrame({name: [1.0, 2.0] for name in names}), features)
    assert len(rows) == MOST_ROWS
    alone = np.flatnonzero(np.isnan(rows[np.isnan(rows).sum(axis=1) == 1]).any(axis=0))
    assert alone.min() < 10 and alone.max() > 2_990


@pytest.mark.parametrize(
    ("expected", "found", "difference"),
    [
        ([0.5, 0.25], [0.5, 0.25], 0.0),
        ([0.5], [0.25], 0.25),
        ([1e30], [1.5e30], 0.5),
        ([np.inf, np.nan], [np.inf, np.nan], 0.0),
        ([np.inf], [-np.inf], np.inf),
        ([1.0], [np.nan], np.inf),
        ([np.nan], [1.0], np.inf),
        ([1.0, 2.0], [1.0], np.inf),
        ([], [], 0.0),
    ],
)
def test_a_difference_is_relative_where_figures_are_large(
    expected: list[float], found: list[float], difference: float
) -> None:
    assert largest_difference(expected, found) == pytest.approx(difference)
    assert (largest_difference(expected, found) <= TOLERANCE) == (difference == 0)
