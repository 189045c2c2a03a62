"""Keeping the event loop awake for a moment after an answer, where the next request is likely to come at once.

A processor that sleeps takes longer to wake than a row takes to be answered: a caller that asks one row after the
other gets half as many again for this. One who asks now and then costs nothing, for nobody waits for him awake.
"""

from __future__ import annotations

import asyncio
import time

AWAKE_NS = 100_000
"""How long the next request is waited for; a caller on the same machine needs less to read an answer and ask again."""
BUSY_NS = 250_000
"""Between two answers, up to which the next request is expected to follow as fast."""


class Awake:
    """What an event loop of one process does between requests."""

    def __init__(self) -> None:
        self._answered = self._until = 0
        self.is_waiting = False
        """Whether the loop keeps from sleeping just now."""

    def answered(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take note of an answer, and wait awake if the one before it was a moment ago."""
        now = time.perf_counter_ns()
        before, self._answered = self._answered, now
        if now - before < BUSY_NS:
            self._until = now + AWAKE_NS
            if not self.is_waiting:
                self.is_waiting = True
                loop.call_soon(self._wait, loop)

    def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        # A callback that is due makes the loop look for requests without falling asleep.
        if time.perf_counter_ns() < self._until:
            loop.call_soon(self._wait, loop)
        else:
            self.is_waiting = False
