"""A challenger that answers a share of the requests, until its figures break the limits.

Which requests it answers is decided by their key, so the same customer gets the same model; without a key, by lot.
Whatever it cannot answer the champion does, and it counts against it.
"""

from __future__ import annotations

import math
import random
import zlib
from collections.abc import Sequence
from typing import Any

from tasks.serving.counters import Counters, Tally
from tasks.serving.group import Asked, Group
from tasks.serving.refusal import Refusal
from tasks.serving.section import Limits

CERTAIN = 2.33
"""Standard errors: one in a hundred good canaries is taken back by bad luck, once it is judged."""
NOISE_US = 1_000.0
"""A latency that is longer by less is no reason to take a model back."""
LOTS = 10_000


class Canary:
    """The challenger's group, its limits and its figures; `champions` are the counters of who answers the rest."""

    def __init__(self, group: Group, limits: Limits, champions: Counters) -> None:
        self.group = group
        self.limits = limits
        self.refused = self.failed = 0
        self._champions = champions
        self._before = champions.in_all()

    def takes(self, keys: Sequence[str | None] | None) -> bool:
        """Whether the request with these keys is one of its own: by the first of them."""
        key = keys[0] if keys else None
        lot = zlib.crc32(key.encode("utf-8", "surrogatepass")) % LOTS if key is not None else random.randrange(LOTS)
        return lot < self.limits.share * LOTS

    def ask(self, asked: Asked, champion: Group) -> None:
        """Have the challenger answer, or the champion, for which the rows are packed, where it cannot."""
        schema = self.group.model.schema
        values = [schema.known(each) for each in asked.values]
        try:
            floats = [schema.pack(each, number) for number, each in enumerate(values)]
        except Refusal:
            self.refused += 1
            champion.ask(asked)
            return

        def deliver(told: list[Any] | Exception) -> None:
            if isinstance(told, Exception):
                self.failed += 1
                champion.ask(asked)
            else:
                asked.deliver(told)

        self.group.ask(Asked(values, floats, asked.keys, asked.started, deliver, asked.first_row))

    def verdict(self) -> str:
        """Why it must be taken back; empty while it need not."""
        ours = self.group.counters.in_all()
        n = ours.requests + self.refused + self.failed
        if n < self.limits.requests:
            return ""
        theirs = self._theirs()
        n_theirs = theirs.requests + theirs.refused + theirs.failed
        for word, k, other, allowed in (
            ("failed", self.failed, theirs.failed, self.limits.errors),
            ("were refused", self.refused, theirs.refused, self.limits.refused),
        ):
            bound = (other / n_theirs if n_theirs else 0.0) + allowed
            if lower(k, n) > bound:
                return f"{k:,} of {n:,} requests {word}, {other:,} of the champion's {n_theirs:,}"
        slow, usual = ours.quantile_us(0.95), theirs.quantile_us(0.95)
        if slow is not None and usual is not None and slow > self.limits.latency * usual + NOISE_US:
            return f"95 of 100 answers took up to {slow / 1000:.3g} ms, the champion's up to {usual / 1000:.3g} ms"
        return ""

    def _theirs(self) -> Tally:
        """What the champion counted since the canary began."""
        found = self._champions.in_all()
        for name in ("requests", "rows"):
            setattr(found, name, getattr(found, name) - getattr(self._before, name))
        found.latency = [a - b for a, b in zip(found.latency, self._before.latency, strict=True)]
        found.statuses.subtract(self._before.statuses)
        return found

    def trial(self) -> dict[str, str | int]:
        """The requests that it answered, and those that the champion had to."""
        answered = self.group.counters.in_all().requests
        return {"kind": "canary", "answered": answered, "failed": self.refused + self.failed}

    def tick(self) -> None:
        """What is done once a second."""
        self.group.tick()

    def close(self) -> None:
        """Close its log."""
        self.group.close()


def lower(k: int, n: int) -> float:
    """The lower bound of a share by Wilson's score (Wilson, 1927)."""
    z2 = CERTAIN**2
    share = k / n
    return (share + z2 / (2 * n) - CERTAIN * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))) / (1 + z2 / n)
