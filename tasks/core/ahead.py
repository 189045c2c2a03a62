"""A stream made by another thread, a little ahead: what reads and what writes run at once where both leave Python."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextvars import copy_context
from queue import Full, Queue
from threading import Event, Thread
from typing import TypeVar

T = TypeVar("T")

WAITING = 0.1
"""Seconds after which the thread looks whether anybody still wants its items."""


def ahead(items: Iterable[T], n_items: int = 2) -> Iterator[T]:
    """The same items in order; at most `n_items` are ready and not taken. An error comes where its item would."""
    ready: Queue[tuple[T | None, BaseException | None]] = Queue(n_items)
    ended = Event()

    def put(item: T | None, error: BaseException | None) -> None:
        while not ended.is_set():
            try:
                return ready.put((item, error), timeout=WAITING)
            except Full:
                continue

    def make() -> None:
        stream = iter(items)
        try:
            for item in stream:
                put(item, None)
                if ended.is_set():
                    break
            put(None, StopIteration())
        except BaseException as exc:
            put(None, exc)
        finally:
            if hasattr(stream, "close"):
                stream.close()  # pyright: ignore[reportAttributeAccessIssue]

    thread = Thread(target=copy_context().run, args=(make,), name="ahead", daemon=True)
    thread.start()
    try:
        while True:
            item, error = ready.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item  # pyright: ignore[reportReturnType]
    finally:
        ended.set()
        thread.join()
