"""Dealing one stream to several takers: no item is lost, swapped or taken for a whole stream after an error."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tasks.core.dealt import dealt


def numbers(n_items: int, n_takers: int) -> Iterator[tuple[int, int]]:
    for item in range(n_items):
        yield item % n_takers, item


def test_an_item_reaches_another_taker_or_comes_out_of_turn() -> None:
    assert dealt(numbers(1_000, 3), [list, list, list]) == [list(range(start, 1_000, 3)) for start in range(3)]


def test_a_taker_that_gets_nothing_hangs() -> None:
    assert dealt(numbers(10, 1), [list, list]) == [list(range(10)), []]


def test_half_a_stream_is_taken_for_the_whole_when_the_stream_breaks() -> None:
    finished: list[int] = []

    def broken() -> Iterator[tuple[int, int]]:
        yield from numbers(20, 2)
        raise OSError("the disk is gone")

    def count(items: Iterator[int]) -> None:
        finished.append(sum(1 for _ in items))

    with pytest.raises(OSError, match="the disk is gone"):
        dealt(broken(), [count, count])
    assert not finished


def test_an_error_of_one_taker_is_lost_or_the_others_wait_for_ever() -> None:
    def fails(items: Iterator[int]) -> list[int]:
        next(items)
        raise ValueError("no space")

    before = threading.active_count()
    with pytest.raises(ValueError, match="no space"):
        dealt(numbers(100_000, 2), [list, fails])
    assert threading.active_count() == before
