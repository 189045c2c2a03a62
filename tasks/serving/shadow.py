"""A challenger that is asked the rows that the champion answers, behind its back: what it says is logged, not sent."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from tasks.serving.group import Asked, Group
from tasks.serving.refusal import Refusal

MOST_WAITING = 2_000
"""Rows. A challenger that is slower than the traffic misses some: it may take nothing from those who wait."""

log = logging.getLogger("keepfit.serving")


class Shadow:
    """The challenger's group, asked in a thread of its own."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self.answered = self.failed = self.missed = 0
        """Rows."""
        self.requests = self.requests_failed = 0
        self._waiting = 0
        self._lock = Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="shadow")

    def ask(self, answered: Sequence[Asked]) -> None:
        """Have the challenger asked the same rows, unless too many wait already."""
        n = sum(len(asked.values) for asked in answered)
        with self._lock:
            if self._waiting + n > MOST_WAITING:
                self.missed += n
                return
            self._waiting += n
        self._thread.submit(self._ask, answered, n)

    def _ask(self, answered: Sequence[Asked], n: int) -> None:
        try:
            schema = self.group.model.schema
            known: list[Asked] = []
            for asked in answered:
                values = [schema.known(each) for each in asked.values]
                try:
                    floats = [schema.floats(each) for each in values]
                except Refusal:
                    self.failed += len(values)
                    self.requests_failed += 1
                    continue
                known.append(Asked(values, floats, asked.keys, asked.started, self._count))
            self.group.answer(known)
        except Exception:
            self.failed += n
            self.requests_failed += len(answered)
            log.exception("The shadow could not answer")
        finally:
            with self._lock:
                self._waiting -= n

    def _count(self, told: object) -> None:
        if isinstance(told, list):
            self.answered += len(told)
            self.requests += 1
        else:
            self.failed += 1
            self.requests_failed += 1

    def trial(self) -> dict[str, str | int]:
        """The requests that it answered, and those at which it failed."""
        return {"kind": "shadow", "answered": self.requests, "failed": self.requests_failed}

    def tick(self) -> None:
        """What is done once a second, in the thread that writes the log."""
        self._thread.submit(self.group.tick)

    def close(self) -> None:
        """Wait for what it is at, and close its log."""
        self._thread.shutdown(wait=True, cancel_futures=True)
        self.group.close()
