"""What happened in a demonstration, as short lines while it goes on, and as records for `--json`."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from textwrap import shorten

from flows.services.standing import Addresses, Nowhere
from tasks.core import clock
from tasks.core.records import Record

WIDTH = 8
LONGEST = 160
"""Signs of a sentence on a terminal; `--json` has all of it."""


class Step(Record):
    """Something that happened: `seconds` after the start, on the played `day`; `address` shows more of it."""

    seconds: float
    day: str
    step: str
    sentence: str
    address: str | None = None


class Demonstration(Record):
    """What `keepfit up --once` did, and whether the loop closed; all of it is kept in the home."""

    project: str
    home: str
    closed: bool
    addresses: Addresses | Nowhere
    seconds: float
    steps: tuple[Step, ...]


class Story:
    """The steps so far; each is told at once."""

    def __init__(self, tell: Callable[[str], None], began: float) -> None:
        """`began` is when by the monotonic clock."""
        self.steps: list[Step] = []
        self._tell, self._began = tell, began

    def add(self, step: str, sentence: str, address: str | None = None) -> None:
        """Another step, today by the clock that is played."""
        seconds = round(time.monotonic() - self._began, 1)
        told = Step(seconds=seconds, day=f"{clock.now():%Y-%m-%d}", step=step, sentence=sentence, address=address)
        self.steps.append(told)
        self._tell(f"{told.seconds:6.1f} s  {told.day}  {step:<{WIDTH}} {shorten(sentence, LONGEST, placeholder=' …')}")
        if address:
            self._tell(f"{'':31}{address}")

    def told(self, project: str, home: Path, closed: bool, addresses: Addresses | Nowhere) -> Demonstration:
        """All of it."""
        return Demonstration(
            project=project,
            home=str(home),
            closed=closed,
            addresses=addresses,
            seconds=round(time.monotonic() - self._began, 1),
            steps=tuple(self.steps),
        )
