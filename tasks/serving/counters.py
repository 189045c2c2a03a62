"""What a server counts: requests, rows, refusals, latencies and what was answered, in all and minute by minute.

Counts add up, so the figures of several processes are the sum of theirs.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MINUTES = 180
"""Minutes that are told one by one."""
BOUNDS_US = [round(10 ** (k / 10)) for k in range(17, 71)]
"""Upper bounds of the classes of latency in microseconds: ten a decade, from 50 µs to 10 s."""
MOST_CLASSES = 50
"""Classes that are told apart; a target of a thousand would make the figures a megabyte."""


class Tally:
    """Counts of some span of time."""

    __slots__ = ("classes", "latency", "latency_us", "requests", "rows", "statuses", "total")

    def __init__(self) -> None:
        self.requests = 0
        self.rows = 0
        self.latency = [0] * (len(BOUNDS_US) + 1)
        self.latency_us = 0
        self.total = 0.0
        """The sum of predicted values (regression)."""
        self.classes: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()

    def add(self, other: Tally) -> None:
        """Count what the other one counted, too."""
        self.requests += other.requests
        self.rows += other.rows
        self.latency = [a + b for a, b in zip(self.latency, other.latency, strict=True)]
        self.latency_us += other.latency_us
        self.total += other.total
        self.classes.update(other.classes)
        self.statuses.update(other.statuses)

    def quantile_us(self, share: float) -> float | None:
        """The latency within which so many answers were given: the upper bound of its class; None without answers."""
        wanted, so_far = share * self.requests, 0
        for n, bound in zip(self.latency, [*BOUNDS_US, float("inf")], strict=True):
            so_far += n
            if n and so_far >= wanted:
                return bound
        return None

    @property
    def refused(self) -> int:
        """Requests with no answer for what they held."""
        return sum(n for status, n in self.statuses.items() if status.startswith("4"))

    @property
    def failed(self) -> int:
        """Requests with no answer for what we are."""
        return sum(n for status, n in self.statuses.items() if status.startswith("5"))

    def as_json(self) -> dict[str, Any]:
        """The counts by name."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Tally:
        """The tally that `as_json` wrote."""
        tally = cls()
        for name, value in said.items():
            setattr(tally, name, Counter(value) if isinstance(value, dict) else value)
        return tally


class Counters:
    """The counts of one project in this process."""

    def __init__(self) -> None:
        self._minute = int(time.time() // 60)
        self._now = Tally()
        self._before = Tally()
        self._minutes: deque[tuple[int, Tally]] = deque(maxlen=MINUTES)

    def answered(self, latency_us: int, predictions: Sequence[str | float]) -> None:
        """Count a request that was answered."""
        now = self._now
        now.requests += 1
        now.rows += len(predictions)
        now.latency[bisect_left(BOUNDS_US, latency_us)] += 1
        now.latency_us += latency_us
        for said in predictions:
            if not isinstance(said, str):
                now.total += said
            elif said in now.classes or len(now.classes) < MOST_CLASSES:
                now.classes[said] += 1
            else:
                now.classes["…"] += 1

    def answered_bulk(self, latency_us: int, n_rows: int, classes: Mapping[str, int], total: float) -> None:
        """Count a request of many rows, by how often each class was predicted, or the sum of the values."""
        self.answered(latency_us, ())
        now = self._now
        now.rows += n_rows
        now.total += total
        for said, n in classes.items():
            now.classes[said if said in now.classes or len(now.classes) < MOST_CLASSES else "…"] += n

    def refused(self, status: int) -> None:
        """Count a request that got this status instead."""
        self._now.statuses[str(status)] += 1

    def tick(self) -> None:
        """Begin a new minute when the clock has."""
        minute = int(time.time() // 60)
        if minute != self._minute:
            self._before.add(self._now)
            self._minutes.append((self._minute, self._now))
            self._minute, self._now = minute, Tally()

    def in_all(self) -> Tally:
        """Everything since the process began."""
        return summed([self._before, self._now])

    def as_json(self) -> dict[str, Any]:
        """The counts in all, and by minute since 1970 for the last hours."""
        minutes = [*self._minutes, (self._minute, self._now)]
        return {
            "in_all": self.in_all().as_json(),
            "minutes": {str(minute): tally.as_json() for minute, tally in minutes},
        }


def summed(tallies: Iterable[Tally]) -> Tally:
    """One tally of them all."""
    whole = Tally()
    for tally in tallies:
        whole.add(tally)
    return whole


def merged(processes: Sequence[Mapping[str, Any]]) -> tuple[Tally, dict[int, Tally]]:
    """What several processes told by `as_json`, as one: in all, and by minute in order."""
    minutes: dict[int, Tally] = {}
    for told in processes:
        for minute, tally in told["minutes"].items():
            minutes.setdefault(int(minute), Tally()).add(Tally.of(tally))
    newest = sorted(minutes)[-MINUTES:]
    whole = summed(Tally.of(told["in_all"]) for told in processes)
    return whole, {minute: minutes[minute] for minute in newest}
