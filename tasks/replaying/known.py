"""What a replay has worked out already: each window asks again for most of what the one before it asked for."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

import numpy as np

from tasks.retraining.correction import Floats

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Once(Generic[K, V]):
    """Values by a key: the first thread that asks makes one, and others that ask meanwhile wait for it.

    Policies that differ little go side by side through the same windows, and each would make all of it again.
    """

    def __init__(self) -> None:
        self._lock, self._made = Lock(), dict[K, Future[V]]()

    def get(self, key: K, make: Callable[[], V]) -> V:
        """The value of the key; what fails is tried anew by the next one who asks."""
        with self._lock:
            made, mine = self._made.get(key), Future[V]()
            if made is None:
                self._made[key] = mine
        if made is not None:
            return made.result()
        try:
            mine.set_result(make())
        except BaseException as exc:
            with self._lock:
                del self._made[key]
            mine.set_exception(exc)
        return mine.result()


class Stretch:
    """What `make` says of each row by itself, over one stretch of rows: of those that are known it is not asked again.

    A stretch of more than `most` rows begins anew at the rows that are asked for.
    """

    def __init__(self, make: Callable[[slice], Floats], most: int | None = None) -> None:
        self._make, self._most, self._lock = make, most, Lock()
        self._start, self._known, self._values = 0, np.zeros(0, bool), np.zeros(0)

    def of(self, rows: slice) -> Floats:
        """A copy of what is said of these rows."""
        if rows.start >= rows.stop:
            return self._make(rows)
        with self._lock:
            self._reach(rows)
            first, last = rows.start - self._start, rows.stop - self._start
            edges = np.flatnonzero(np.diff(np.concatenate([[True], self._known[first:last], [True]]))) + rows.start
            for start, stop in edges.reshape(-1, 2).tolist():
                made = self._make(slice(start, stop))
                if not self._known.any():
                    self._values = np.empty((len(self._known), *made.shape[1:]), made.dtype)
                self._values[start - self._start : stop - self._start] = made
                self._known[start - self._start : stop - self._start] = True
            return self._values[first:last].copy()

    def _reach(self, rows: slice) -> None:
        """Make room for the rows."""
        end = self._start + len(self._known)
        start, stop = (
            (min(self._start, rows.start), max(end, rows.stop)) if len(self._known) else (rows.start, rows.stop)
        )
        if self._most is not None and stop - start > max(self._most, rows.stop - rows.start):
            start, stop = rows.start, rows.stop
        if (start, stop) == (self._start, end):
            return
        both = slice(max(start, self._start), min(stop, end))
        known, values = (
            np.zeros(stop - start, bool),
            np.empty((stop - start, *self._values.shape[1:]), self._values.dtype),
        )
        if both.start < both.stop:
            now, then = (slice(both.start - at, both.stop - at) for at in (start, self._start))
            known[now], values[now] = self._known[then], self._values[then]
        self._start, self._known, self._values = start, known, values
