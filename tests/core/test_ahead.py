"""A stream that is made ahead: in order, whole, and ended with its reader."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tasks.core.ahead import ahead


def test_items_come_in_another_order_or_not_all() -> None:
    assert list(ahead(range(1_000))) == list(range(1_000))
    assert list(ahead([])) == []


def test_an_error_is_swallowed_or_comes_too_early() -> None:
    def broken() -> Iterator[int]:
        yield from (1, 2)
        raise ConnectionError("gone")

    found: list[int] = []
    with pytest.raises(ConnectionError, match="gone"):
        found.extend(ahead(broken()))
    assert found == [1, 2]


def test_a_reader_that_goes_away_leaves_a_thread_behind() -> None:
    closed = threading.Event()

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.set()

    stream = ahead(endless())
    assert next(stream) == 1
    stream.close()  # type: ignore[attr-defined]
    assert closed.is_set()
    assert not [thread for thread in threading.enumerate() if thread.name == "ahead"]
