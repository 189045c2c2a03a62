"""Fits side by side, such that the number of threads never changes what is learnt.

One fit uses one thread, and several fits run at once. BLAS adds up in another order with more threads. OpenMP does
not, but small data gain nothing by it, and where others use the cores too, its waiting threads made a boosting of
1.4 s take 8.5 s.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from contextvars import copy_context
from functools import cache
from importlib import import_module
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

T = TypeVar("T")


@cache
def _controller() -> ThreadpoolController:
    # The controller knows the libraries that are loaded when it is made: scipy's BLAS, and OpenMP.
    for module in ("scipy.linalg", "sklearn.ensemble"):
        import_module(module)
    return ThreadpoolController()


@contextmanager
def one_thread() -> Iterator[None]:
    """BLAS of the process and OpenMP of this thread do with one thread."""
    with _controller().limit(limits=1):
        yield


@contextmanager
def heard() -> Iterator[list[str]]:
    """Collects what the libraries warn of, each once, instead of printing it."""
    messages: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield messages
        finally:
            said = (f"{w.category.__name__}: {str(w.message).strip().splitlines()[0]}" for w in caught)
            messages.extend(dict.fromkeys(said))


def in_parallel(calls: Sequence[Callable[[], T]], threads: int) -> Iterator[list[T]]:
    """The results in order, as many at a time as there are threads: between two yields nothing runs."""
    if threads == 1 or len(calls) == 1:
        for call in calls:
            yield [call()]
        return
    with ThreadPoolExecutor(threads, initializer=_limit_openmp) as pool:
        for start in range(0, len(calls), threads):
            yield list(pool.map(_called, calls[start : start + threads]))


def as_done(calls: Sequence[Callable[[], T]], threads: int) -> Iterator[tuple[int, T]]:
    """Each result with the place of its call, as they come: they begin in order, and no thread waits for another."""
    if threads == 1 or len(calls) == 1:
        yield from ((place, call()) for place, call in enumerate(calls))
        return
    with ThreadPoolExecutor(threads, initializer=_limit_openmp) as pool:
        places = {pool.submit(call): place for place, call in enumerate(calls)}
        try:
            yield from ((places[each], each.result()) for each in as_completed(places))
        finally:
            pool.shutdown(cancel_futures=True)


def within_context(call: Callable[[], T]) -> Callable[[], T]:
    """The call as it would be here: in a thread that does not know the open store by itself."""
    context = copy_context()
    return lambda: context.run(call)


def _limit_openmp() -> None:
    # OpenMP's limit belongs to a thread. It is not undone, since the thread ends with the pool.
    _controller().limit(limits=1, user_api="openmp")


def _called(call: Callable[[], Any]) -> Any:
    return call()
