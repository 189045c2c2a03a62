"""One stream dealt out to several takers, each in a thread of its own: what they write is written at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from queue import Empty, Full, Queue
from threading import Event
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

WAITING = 0.1
"""Seconds after which a thread that waits looks whether the others still go on."""
AHEAD = 2
"""Items that are dealt to a taker and not taken yet."""


class _Broken(Exception):
    """Something failed elsewhere: what a taker has of the stream is not the whole of it."""


def dealt(items: Iterable[tuple[int, T]], takers: Sequence[Callable[[Iterator[T]], R]]) -> list[R]:
    """What each taker made of the items that bear its number, in their order.

    The first error, of the stream or of a taker, ends all of them; a taker's iterator then raises, so that it keeps
    nothing of half a stream.
    """
    queues: list[Queue[T | None]] = [Queue(AHEAD) for _ in takers]
    broken = Event()

    def stream(queue: Queue[T | None]) -> Iterator[T]:
        while True:
            try:
                item = queue.get(timeout=WAITING)
            except Empty:
                if broken.is_set():
                    raise _Broken from None
                continue
            if item is None:
                return
            yield item

    def take(number: int) -> R:
        try:
            return takers[number](stream(queues[number]))
        except BaseException:
            broken.set()
            raise

    def put(number: int, item: T | None) -> None:
        while not broken.is_set():
            try:
                return queues[number].put(item, timeout=WAITING)
            except Full:
                continue
        raise _Broken

    with ThreadPoolExecutor(len(takers), thread_name_prefix="taker") as pool:
        taken = [pool.submit(copy_context().run, take, number) for number in range(len(takers))]
        try:
            for number, item in items:
                put(number, item)
            for number in range(len(takers)):
                put(number, None)
        except _Broken:
            pass
        except BaseException:
            broken.set()
            raise
    errors = [error for each in taken if (error := each.exception()) is not None]
    for error in sorted(errors, key=lambda error: isinstance(error, _Broken)):
        raise error
    return [each.result() for each in taken]
