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

from tasks.core.errors import DataError
from tasks.core.row_hash import row_hashes, value_hashes
from tasks.core.splits import TEST, TRAIN, VALIDATION, GroupSplit, HashSplit, TimeSplit, by_hash, by_time

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
    assert after.part[len(later) :].tolist() == before.part.tolist()


@given(st.lists(st.sampled_from(range(10)), min_size=2, max_size=60), st.integers(0, 2**32))
def test_duplicates_or_groups_straddle_parts_or_folds(values: list[int], seed: int) -> None:
    batch = pa.record_batch({"city": [f"city {value}" for value in values]})
    placed = by_hash(row_hashes(batch, ["city"], seed), GroupSplit(by="group", column="city"))
    where: dict[int, tuple[int, int]] = {}
    for value, part, fold in zip(values, placed.part.tolist(), placed.fold.tolist(), strict=True):
        assert where.setdefault(value, (part, fold)) == (part, fold)


def test_the_parts_have_other_sizes_than_said() -> None:
    batch = pa.record_batch({"i": pa.array(range(100_000)), "t": [f"row {i}" for i in range(100_000)]})
    for columns in (["i"], ["t"], ["i", "t"]):
        placed = by_hash(row_hashes(batch, columns, seed=3), HashSplit())
        assert np.bincount(placed.part) / 1e5 == pytest.approx([0.64, 0.16, 0.2], abs=0.005)
        training = placed.fold[placed.part == TRAIN]
        assert np.ptp(np.bincount(training)) <= 1


def test_few_groups_leave_folds_empty() -> None:
    batch = pa.record_batch({"city": [f"city {i % 12}" for i in range(1000)]})
    placed = by_hash(row_hashes(batch, ["city"], 0), GroupSplit(by="group", column="city"))
    assert set(placed.fold[placed.part == TRAIN].tolist()) == {0, 1, 2, 3}


@settings(max_examples=200)
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
