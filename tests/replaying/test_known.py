"""What is worked out twice, or wrongly put together from what is known, when windows ask for each other's rows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest

from tasks.replaying.known import Once, Stretch


@pytest.mark.parametrize("most", [None, 12])
def test_a_stretch_says_what_each_row_says_and_asks_no_known_row_again(most: int | None) -> None:
    asked: list[int] = []

    def make(rows: slice) -> np.ndarray:
        asked.extend(range(rows.start, rows.stop))
        return np.column_stack([np.arange(rows.start, rows.stop)] * 2).astype(float)

    stretch = Stretch(make, most)
    # Onwards, back, over a gap, into the gap, over all of it, and none.
    for start, stop in [(10, 14), (12, 18), (8, 12), (20, 22), (17, 21), (8, 22), (5, 5)]:
        found = stretch.of(slice(start, stop))
        assert found[:, 1].tolist() == list(range(start, stop))
        found[:] = -1  # nobody's changes come into what is known
    assert most is not None or sorted(asked) == list(range(8, 22))


def test_threads_that_ask_for_the_same_at_once_make_it_once() -> None:
    once, made, together = Once[str, int](), list[int](), Barrier(2)

    def ask() -> int:
        together.wait()
        return once.get("key", lambda: made.append(1) or 7)

    with ThreadPoolExecutor(2) as pool:
        assert [each.result() for each in [pool.submit(ask) for _ in range(2)]] == [7, 7]
    assert made == [1]


def test_what_failed_is_tried_anew() -> None:
    once = Once[str, float]()
    with pytest.raises(ZeroDivisionError):
        once.get("key", lambda: 1 / 0)
    assert once.get("key", lambda: 0.5) == 0.5
