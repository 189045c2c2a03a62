"""Statistics of windows add up exactly, whatever the order, the parts and the values."""

from __future__ import annotations

import datetime
import math

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.errors import DataError
from tasks.monitoring.cells import MISSING, NEW, WIDTH, Cells, Kind
from tasks.monitoring.daily import daily, empty, summary
from tasks.monitoring.reference import Reference
from tasks.monitoring.sketch import sketched

KINDS: dict[str, Kind] = {"x": "number", "tied": "number", "skewed": "number", "level": "category"}


def batch(n_rows: int, seed: int = 0) -> pa.RecordBatch:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n_rows)
    return pa.record_batch(
        {
            "x": np.where(rng.random(n_rows) < 0.1, np.nan, x),
            "tied": rng.integers(0, 5, n_rows).astype(float),
            "skewed": np.exp(4 * x) + rng.random(n_rows),
            "level": pa.array(rng.choice(["a", "b", "c"], n_rows)),
        }
    )


@pytest.fixture(scope="module")
def cells() -> Cells:
    return sketched([batch(5_000)], KINDS)


@given(st.lists(st.integers(0, 400), min_size=1, max_size=6), st.integers(0, 99))
@settings(deadline=None, max_examples=25)
def test_parts_in_any_order_are_the_whole_to_the_bit(cells: Cells, sizes: list[int], seed: int) -> None:
    rows = batch(sum(sizes), seed)
    ends = np.cumsum(sizes)
    parts = [daily(cells, [rows.slice(end - size, size)]) for end, size in zip(ends, sizes, strict=True)]
    whole = daily(cells, [rows])
    assert sum(parts[1:], parts[0]) == whole
    assert sum(parts[::-1], empty(cells)) == whole
    shuffled = rows.take(pa.array(np.random.default_rng(seed).permutation(rows.num_rows)))
    assert daily(cells, [shuffled]) == whole


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=300), st.integers(0, 3))
@settings(deadline=None, max_examples=200)
def test_the_table_finds_the_cell_that_a_search_finds(values: list[float], seed: int) -> None:
    """Infinities, ties, denormal widths, ranges that overflow: the look-up may never differ from a binary search."""
    rng = np.random.default_rng(seed)
    known = [x for x in values if not math.isnan(x)][: 1 + len(values) // 2]
    rows = pa.record_batch({"x": np.array(values * 3, np.float64)})
    reference = pa.record_batch({"x": np.array([*known, *rng.normal(size=100 * (seed % 2))], np.float64)})
    made = sketched([reference], {"x": "number"})
    expected = np.searchsorted(made.edges[0], rows.column("x").to_numpy(), "right")
    expected[np.isnan(rows.column("x").to_numpy())] = MISSING
    assert made.codes(rows)[0].tolist() == expected.tolist()


def test_a_skewed_column_is_searched_and_a_dense_one_looked_up_alike() -> None:
    rng = np.random.default_rng(3)
    for values in (rng.normal(size=20_000), np.exp(5 * rng.normal(size=20_000)), rng.standard_cauchy(20_000)):
        made = sketched([pa.record_batch({"x": values})], {"x": "number"})
        asked = np.concatenate([values, made.edges[0], np.nextafter(made.edges[0], -np.inf)])
        codes = made.codes(pa.record_batch({"x": asked}))[0]
        assert codes.tolist() == np.searchsorted(made.edges[0], asked, "right").tolist()


def test_scores_of_the_reference_have_mean_0_and_sd_1(cells: Cells) -> None:
    seen = daily(cells, [batch(5_000)])
    present = seen.counts.copy()
    present[:, MISSING] = 0
    shares = present / present.sum(axis=1, keepdims=True)
    assert np.abs((shares * cells.scores).sum(axis=1)).max() < 0.02
    assert np.abs((shares * cells.scores**2).sum(axis=1) - 1).max() < 0.02


def test_levels_are_counted_the_same_as_strings_and_as_dictionaries(cells: Cells) -> None:
    rows = batch(300, 5)
    coded = rows.set_column(3, "level", rows.column("level").dictionary_encode())
    large = rows.set_column(3, "level", rows.column("level").cast(pa.large_string()))
    assert daily(cells, [rows]) == daily(cells, [coded]) == daily(cells, [large])


def test_missing_and_new_levels_have_cells_of_their_own(cells: Cells) -> None:
    rows = batch(6).set_column(3, "level", pa.array(["a", None, "?", "?", "b", "c"]))
    counts = daily(cells, [rows]).counts[3]
    assert (counts[MISSING], counts[NEW]) == (1, 2)


def test_booleans_are_categories_and_integers_numbers() -> None:
    rows = pa.record_batch({"n": pa.array([1, 2, None, 4]), "b": pa.array([True, False, None, True])})
    made = sketched([rows], {"n": "number", "b": "category"})
    assert made.levels == (("false", "true"),)
    assert daily(made, [rows]).counts[:, MISSING].tolist() == [1, 1]


def test_rows_with_more_levels_than_are_known_by_name_call_none_new() -> None:
    names = pa.record_batch({"id": pa.array([f"row {i}" for i in range(5_000)])})
    made = sketched([names], {"id": "category"})
    assert daily(made, [pa.record_batch({"id": pa.array(["never seen"])})]).counts[0, NEW] == 0


def test_a_window_without_a_column_is_refused_in_words(cells: Cells) -> None:
    with pytest.raises(DataError, match="expected the column 'tied'"):
        daily(cells, [batch(3).drop_columns(["tied"])])


def test_a_column_that_is_no_number_and_a_lost_moment_are_refused_in_words() -> None:
    rows = pa.record_batch({"s": pa.array(["1", "b"]), "d": pa.array([0, None], pa.date32())})
    assert daily(sketched([rows], {"d": "number"}), [rows]).counts[0, MISSING] == 1
    with pytest.raises(DataError, match="The column 's' cannot be watched as a number: expected numbers or dates"):
        sketched([rows], {"s": "number"})
    with pytest.raises(DataError, match="expected the moment of each row in '__time__'"):
        Reference.build(lambda: [rows], {"d": "number"})


def test_frames_of_polars_are_counted_as_they_come() -> None:
    frame = pl.DataFrame({"x": [1.0, None], "s": ["a", "b"], "c": pl.Series(["u", None], dtype=pl.Categorical)})
    rows = frame.to_arrow().to_batches()
    made = sketched(rows, {"x": "number", "s": "category", "c": "category"})
    assert made.levels == (("a", "b"), ("u",))
    assert daily(made, rows).counts[:, MISSING].tolist() == [1, 0, 1]


def test_summaries_add_up(cells: Cells) -> None:
    one, other = (daily(cells, [batch(200, seed)]) for seed in (1, 2))
    assert np.array_equal(summary(cells, one) + summary(cells, other), summary(cells, one + other))


def test_counts_stay_within_their_cells(cells: Cells) -> None:
    seen = daily(cells, [batch(1_000, 9)], datetime.date(2024, 1, 1))
    assert seen.counts.shape == (4, WIDTH)
    assert (seen.counts.sum(axis=1) == 1_000).all()


def test_a_reference_counted_in_parts_is_the_one_counted_at_once() -> None:
    rows = [batch(100, day).append_column("__time__", pa.array([day] * 100, pa.date32())) for day in range(12)]
    whole = Reference.build(lambda: rows, KINDS)
    parts = [Reference.counted(whole.cells, rows[i::3]) for i in range(3)]
    assert parts[0].merge(parts[1]).merge(parts[2]) == parts[2].merge(parts[0].merge(parts[1])) == whole
    assert list(whole.days) == [datetime.date(1970, 1, 1) + datetime.timedelta(day) for day in range(12)]
    with pytest.raises(DataError, match="expected the same cells"):
        whole.merge(Reference.build(lambda: rows[:5], KINDS))
