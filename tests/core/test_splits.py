"""Where rows go: the same for ever, whatever comes later, and nothing torn apart."""

from __future__ import annotations

import hashlib
import math
import struct

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.core.allocation import by_class, by_hash, folds, tenths
from tasks.core.chronology import by_time, gap_of
from tasks.core.errors import DataError
from tasks.core.row_hash import row_hashes, value_hashes
from tasks.core.splits import (
    BEFORE_GAP,
    LEFT_OUT,
    TEST,
    TRAIN,
    VALIDATION,
    GroupSplit,
    HashSplit,
    StratifiedSplit,
    TimeSplit,
)

WORD = 2**64 - 1
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
rows = st.tuples(st.none() | texts, st.none() | st.floats(), st.none() | st.integers(-(2**53), 2**53))


def batch_of(found: list[tuple[str | None, float | None, int | None]]) -> pa.RecordBatch:
    text, number, integer = zip(*found, strict=True) if found else ((), (), ())
    return pa.record_batch(
        {"text": pa.array(text, pa.string()), "x": pa.array(number, pa.float64()), "n": pa.array(integer, pa.int64())}
    )


def mix(value: int) -> int:
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & WORD
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & WORD
    return value ^ (value >> 31)


def salt(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")


def hash_as_specified(value: str | float | None, name: str) -> int:
    """The specification in plain Python: what every version of everything must give."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return 0
    if isinstance(value, str):
        data = value.encode()
        found = mix(len(data) ^ salt(name))
        for at in range(0, len(data), 8):
            found = mix(found ^ int.from_bytes(data[at : at + 8], "little"))
        return found
    return mix(struct.unpack("<Q", struct.pack("<d", float(value) + 0.0))[0] ^ salt(name))


@settings(deadline=None)
@given(st.lists(rows, max_size=20), st.integers(0, 19))
def test_the_hash_is_not_the_one_specified(found: list[tuple[str | None, float | None, int | None]], skip: int) -> None:
    batch = batch_of(found).slice(skip)
    hashes = row_hashes(batch, ["text", "x", "n"], seed=7)
    for row, seen in zip(found[skip:], hashes, strict=True):
        total = sum(hash_as_specified(value, name) for value, name in zip(row, ("text", "x", "n"), strict=True))
        assert int(seen) == mix((total & WORD) ^ salt("seed 7"))


def test_the_hash_changed_since_the_first_release() -> None:
    batch = pa.record_batch({"name": ["Braund, Mr. Owen Harris"], "age": [22.0], "alive": [False]})
    assert int(row_hashes(batch, batch.schema.names, seed=0)[0]) == 8465493685749036553


def test_columns_of_another_order_or_type_move_rows() -> None:
    whole = pa.record_batch({"a": pa.array([1, None, 3]), "b": ["x", "", None]})
    other = pa.record_batch({"b": ["x", "", None], "a": pa.array([1.0, math.nan, 3.0])})
    assert row_hashes(whole, ["a", "b"], 0).tolist() == row_hashes(other, ["b", "a"], 0).tolist()
    assert row_hashes(whole, ["a", "b"], 0).tolist() != row_hashes(whole, ["a", "b"], 1).tolist()


def test_a_date_and_its_midnight_are_different_moments() -> None:
    days = pa.array([0, 20_000, None], pa.int32()).cast(pa.date32())
    assert value_hashes(days, "d").tolist() == value_hashes(days.cast(pa.timestamp("us")), "d").tolist()


def test_values_of_neighbouring_columns_or_rows_are_mixed_up() -> None:
    batch = pa.record_batch({"a": ["ab", "a", "", "x" * 8], "b": ["c", "bc", "abc", "x" * 9]})
    assert len(set(row_hashes(batch, ["a", "b"], 0).tolist())) == 4
    swapped = pa.record_batch({"a": ["c"], "b": ["ab"]})
    assert row_hashes(swapped, ["a", "b"], 0)[0] != row_hashes(batch, ["a", "b"], 0)[0]


@given(st.lists(rows, min_size=1, max_size=30), st.lists(rows, max_size=30), st.integers(0, 2**32))
def test_a_row_that_was_in_test_comes_into_training(
    first: list[tuple[str | None, float | None, int | None]],
    later: list[tuple[str | None, float | None, int | None]],
    seed: int,
) -> None:
    split = HashSplit()
    before = by_hash(row_hashes(batch_of(first), ["text", "x", "n"], seed), split)
    after = by_hash(row_hashes(batch_of([*later, *first]), ["text", "x", "n"], seed), split)
    assert after[len(later) :].tolist() == before.tolist()


@given(st.lists(st.sampled_from(range(10)), min_size=2, max_size=60), st.integers(0, 2**32))
def test_duplicates_or_groups_straddle_parts_or_folds(values: list[int], seed: int) -> None:
    batch = pa.record_batch({"city": [f"city {value}" for value in values]})
    hashes = row_hashes(batch, ["city"], seed)
    part_of_each = by_hash(hashes, GroupSplit(by="group", column="city")).tolist()
    where: dict[int, tuple[int, int]] = {}
    for value, part, fold in zip(values, part_of_each, folds(hashes, 4).tolist(), strict=True):
        assert where.setdefault(value, (part, fold)) == (part, fold)


def test_the_parts_have_other_sizes_than_said() -> None:
    batch = pa.record_batch({"i": pa.array(range(100_000)), "t": [f"row {i}" for i in range(100_000)]})
    for columns in (["i"], ["t"], ["i", "t"]):
        hashes = row_hashes(batch, columns, seed=3)
        part = by_hash(hashes, HashSplit())
        assert np.bincount(part) / 1e5 == pytest.approx([0.64, 0.16, 0.2], abs=0.005)
        assert np.ptp(np.bincount(folds(hashes[part == TRAIN], 4))) <= 1


def test_few_groups_leave_folds_empty() -> None:
    batch = pa.record_batch({"city": [f"city {i % 12}" for i in range(1000)]})
    hashes = row_hashes(batch, ["city"], 0)
    train = by_hash(hashes, GroupSplit(by="group", column="city")) == TRAIN
    assert set(folds(hashes[train], 4).tolist()) == {0, 1, 2, 3}


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=3, max_size=200).filter(lambda times: len(set(times)) >= 3))
def test_equal_times_straddle_or_the_test_is_older_than_training(times: list[int]) -> None:
    moments = np.array(times, np.float64)
    placed = by_time(moments, TimeSplit(by="time", column="date"))
    train, validation, test = (moments[placed.part == part] for part in (TRAIN, VALIDATION, TEST))
    assert train.max() < validation.min() <= validation.max() < test.min()
    folds = placed.fold[placed.part == TRAIN]
    assert folds.max() < 4
    for moment in set(times):
        assert len(set(folds[train == moment].tolist())) <= 1
    in_order = folds[np.argsort(train)]
    assert (np.diff(in_order.astype(int)) >= 0).all()


def test_time_parts_have_other_sizes_than_said() -> None:
    placed = by_time(np.arange(1000.0), TimeSplit(by="time", column="date"))
    assert np.bincount(placed.part).tolist() == [640, 160, 200]
    assert np.bincount(placed.fold[placed.part == TRAIN]).tolist() == [160] * 4


def test_two_different_times_are_cut_in_three() -> None:
    with pytest.raises(DataError, match="at least 3 different times"):
        by_time(np.array([1.0, 2.0, 2.0]), TimeSplit(by="time", column="date"))


# By time, with a gap


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 60), min_size=3, max_size=200), st.floats(0.5, 20), st.integers(2, 6))
def test_a_row_within_the_gap_teaches_what_judges_it(times: list[int], gap: float, n_folds: int) -> None:
    moments = np.array([*times, 0, 30, 60], np.float64)
    split = TimeSplit(by="time", column="date", gap=gap, n_folds=n_folds)
    placed = by_time(moments, split, gap_of(split, moments=False))
    train, validation, test = (moments[placed.part == part] for part in (TRAIN, VALIDATION, TEST))
    assert len(test)
    begins = [validation.min(initial=np.inf), test.min()]
    for earlier, begin in ((train, min(begins)), (validation, begins[1])):
        assert (earlier <= begin - gap).all()
    # Nothing is left out that could stay.
    for left in moments[placed.part == LEFT_OUT]:
        assert any(begin - gap < left < begin for begin in begins) or not len(validation)
    fold, marked = (each[placed.part == TRAIN] for each in (placed.fold % BEFORE_GAP, placed.fold >= BEFORE_GAP))
    for number in set(fold.tolist()) - {0}:
        begin = train[fold == number].min()
        assert (train[fold < number] < begin).all()
        near = (fold < number) & (train > begin - gap)
        assert (marked[near] & (fold[near] == fold[fold < number].max())).all()


def test_a_gap_longer_than_a_fold_leaves_folds_that_nothing_is_fitted_for() -> None:
    moments = np.arange(1000.0)
    assert np.unique(by_time(moments, TimeSplit(by="time", column="t"), 100.0).fold % BEFORE_GAP).tolist() == [
        0,
        1,
        2,
        3,
    ]
    assert np.unique(by_time(moments, TimeSplit(by="time", column="t"), 150.0).fold % BEFORE_GAP).tolist() == [0, 1, 2]
    assert np.unique(by_time(moments, TimeSplit(by="time", column="t"), 450.0).fold).tolist() == [0]


@pytest.mark.parametrize(
    ("gap", "moments", "found"),
    [("7d", True, 7 * 86_400e6), ("90 min", True, 5_400e6), ("1.5h", True, 5_400e6), (7, False, 7.0)],
)
def test_a_gap_is_of_another_length_than_said(gap: object, moments: bool, found: float) -> None:
    assert gap_of(TimeSplit.model_validate({"by": "time", "column": "t", "gap": gap}), moments) == found


@pytest.mark.parametrize(("gap", "moments", "told"), [("7d", False, "a number"), (7, True, "a span such as 7d")])
def test_a_gap_of_days_is_taken_for_numbers(gap: object, moments: bool, told: str) -> None:
    with pytest.raises(DataError, match=told):
        gap_of(TimeSplit.model_validate({"by": "time", "column": "t", "gap": gap}), moments)


@pytest.mark.parametrize("gap", ["7 days", "-1d", "d", 0, -1, "", "1m"])
def test_a_gap_that_is_none_is_taken(gap: object) -> None:
    with pytest.raises(ValidationError):
        TimeSplit.model_validate({"by": "time", "column": "t", "gap": gap})


# Stratified

STRATIFIED = StratifiedSplit(by="stratified")
classes = st.lists(st.sampled_from([0, 0, 0, 0, 0, 0, 1, 1, 2]), max_size=200)


def hashes_of(n_rows: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2**64 - 1, n_rows, np.uint64, endpoint=True)


@settings(max_examples=200, deadline=None)
@given(classes, classes, st.integers(0, 99))
def test_a_class_comes_in_another_share_or_moves_when_rows_come(first: list[int], later: list[int], seed: int) -> None:
    every = np.array([*first, *later], np.int64)
    hashes = hashes_of(len(every), seed)
    part = by_class(every, hashes, STRATIFIED)
    assert by_class(every[: len(first)], hashes[: len(first)], STRATIFIED).tolist() == part[: len(first)].tolist()
    for name in set(every.tolist()):
        counts = np.bincount(part[every == name], minlength=3)
        off = np.abs(counts - counts.sum() * np.array([0.64, 0.16, 0.2])).max()
        assert off <= max(1, 0.25 * counts.sum() ** 0.5 + 0.5)
        assert counts[TRAIN] > 0
        if counts.sum() >= 5:
            assert counts.min() > 0
    fold = folds(hashes, 4, every)
    for name in set(every.tolist()):
        assert np.ptp(np.bincount(fold[every == name], minlength=4)) <= 1


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 99), st.integers(0, 199))
def test_a_row_that_is_taken_out_moves_most_after_it(seed: int, out: int) -> None:
    hashes = hashes_of(400, seed)
    whole = by_class(np.zeros(400, np.int64), hashes, STRATIFIED)
    without = by_class(np.zeros(399, np.int64), np.delete(hashes, out), STRATIFIED)
    assert (np.delete(whole, out) != without).mean() < 0.3


def test_a_large_class_is_counted_to_the_end_or_its_share_is_off() -> None:
    part = by_class(np.zeros(100_000, np.int64), hashes_of(100_000, 1), STRATIFIED)
    assert np.bincount(part) / 1e5 == pytest.approx([0.64, 0.16, 0.2], abs=0.005)


@settings(deadline=None)
@given(st.lists(st.floats(-1e9, 1e9), max_size=100), st.lists(st.floats(-1e9, 1e9), max_size=100))
def test_later_numbers_sort_earlier_ones_otherwise(first: list[float], later: list[float]) -> None:
    assert tenths(np.array([*first, *later]))[: len(first)].tolist() == tenths(np.array(first)).tolist()


def test_the_parts_of_a_regression_have_other_targets() -> None:
    values = np.random.default_rng(0).lognormal(size=2000)
    bins = tenths(values)
    part = by_class(bins, hashes_of(2000, 2), STRATIFIED)
    edges = np.quantile(values, np.arange(1, 10) / 10)
    for name in (TRAIN, VALIDATION, TEST):
        shares = np.bincount(np.searchsorted(edges, values[part == name]), minlength=10) / (part == name).sum()
        assert shares == pytest.approx(np.full(10, 0.1), abs=0.035)
