"""What is held of a stream lies evenly over it, and fits."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from tasks.monitoring.spread import Spread


class Small(Spread):
    most = 40
    block = 4


@given(sizes=st.lists(st.integers(0, 60), max_size=30))
def test_whole_blocks_are_held_evenly_whatever_the_parts(sizes: list[int]) -> None:
    spread, whole = Small(), pl.DataFrame({"n": range(sum(sizes))}, schema={"n": pl.Int64})
    first = 0
    for size in sizes:
        spread.add(whole.slice(first, size))
        first += size
    held = spread.rows()["n"].to_list() if sizes else []
    assert spread.n_rows == whole.height
    if whole.height <= Small.most:
        assert held == whole["n"].to_list() and spread.is_whole
        return
    assert not spread.is_whole and Small.most / 2 - Small.block < len(held) <= Small.most
    blocks = sorted({n // Small.block for n in held})
    assert held == [n for n in range(whole.height) if n // Small.block in blocks]
    step = blocks[1] - blocks[0]
    assert blocks == list(range(0, -(-whole.height // Small.block), step))


def test_frames_of_other_columns_are_held_beside_each_other() -> None:
    spread = Spread()
    spread.add(pl.DataFrame({"a": [1]}))
    spread.add(pl.DataFrame({"a": [0.5], "b": ["x"]}))
    assert spread.rows().rows() == [(1.0, None), (0.5, "x")]
