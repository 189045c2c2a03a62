"""Rows that wait for the end of the event loop's turn, to be asked of one model together, logged and answered.

Requests that arrive together share one run of the model and one write to the log, with no timer: the first of a turn
schedules the run for the end of the turn. A lone connection waits for nothing, and 32 of them batch themselves.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from tasks.core import clock
from tasks.core.errors import Unavailable
from tasks.serving.counters import Counters
from tasks.serving.logged import Log
from tasks.serving.model import Model
from tasks.serving.refusal import Refusal

Deliver = Callable[[list[Any] | Exception], None]
"""What is called with the answers to a request's rows, or with why there are none."""

FULL = Refusal(
    507,
    "The prediction could not be logged, so it is not given",
    expected="room on the server's disk for the prediction log",
    action="Try again later; whoever runs the server makes room, or says `serve: {log: best_effort}`.",
)


class Ids:
    """Identifiers of predictions: unique over restarts and processes by the random prefix, in order within one."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self._next = 1

    def take(self, n: int) -> int:
        """The first of `n` numbers in a row."""
        first = self._next
        self._next += n
        return first


class Asked:
    """The rows of one request: their values by column, packed for the model, and whom to tell."""

    __slots__ = ("deliver", "first_row", "floats", "keys", "logged", "started", "values")

    def __init__(
        self,
        values: Sequence[dict[str, Any]],
        floats: list[list[float]],
        keys: list[str | None] | None,
        started: int,
        deliver: Deliver,
        first_row: int = 0,
        logged: list[tuple[Any, ...]] | None = None,
    ) -> None:
        self.values = values
        self.floats = floats
        self.keys = keys
        self.started = started
        """`time.perf_counter_ns()` when the request was there."""
        self.deliver = deliver
        self.first_row = first_row
        """The number of the first of these rows in the request."""
        self.logged = logged
        """The rows as the log has them, if they are that already."""


class Group:
    """One model, its log and its figures. Whoever asks it is answered by it, whatever takes its place meanwhile."""

    def __init__(self, model: Model, log: Log | None, ids: Ids, counters: Counters) -> None:
        self.model = model
        self.log = log
        self.counters = counters
        self.after: Callable[[list[Asked]], None] | None = None
        """Who is told of the requests that were answered, when they have been."""
        self.ids = ids
        self._waiting: list[Asked] = []

    def ask(self, asked: Asked) -> None:
        """Have `asked.deliver` called at the end of this turn of the event loop."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self.run)
        self._waiting.append(asked)

    def run(self) -> None:
        """Answer all that wait."""
        waiting, self._waiting = self._waiting, []
        self.answer(waiting)
        if self.after is not None:
            self.after(waiting)

    def answer(self, waiting: list[Asked]) -> None:
        """Ask the model once, write the log once, tell everybody."""
        try:
            outputs = self.model.ask([floats for asked in waiting for floats in asked.floats])
        except Exception as exc:
            for asked in waiting:
                asked.deliver(exc)
            return
        at = 0
        answered: list[tuple[Asked, list[Any] | Exception]] = []
        frames: list[bytes] = []
        now_us, now = clock.now_us(), time.perf_counter_ns()
        for asked in waiting:
            said = outputs[at : at + len(asked.floats)]
            at += len(said)
            try:
                first = self.ids.take(len(said))
                answers = self._answers(asked, said, first)
                if self.log is not None and said:
                    frames.append(self.log.frame(first, now_us, (now - asked.started) // 1000, asked, said))
                answered.append((asked, answers))
            except Refusal as refusal:
                answered.append((asked, refusal))
            except Unavailable:
                answered.append((asked, FULL))
        if self.log is not None and frames:
            try:
                self.log.append(frames, sum(len(told) for _, told in answered if isinstance(told, list)))
            except Unavailable:
                answered = [(asked, FULL if isinstance(told, list) else told) for asked, told in answered]
        now = time.perf_counter_ns()
        for asked, told in answered:
            asked.deliver(told)
            if isinstance(told, list):
                self.counters.answered((now - asked.started) // 1000, [each.prediction for each in told])

    def _answers(self, asked: Asked, outputs: Sequence[Any], first: int) -> list[Any]:
        model, prefix, row = self.model, self.ids.prefix, asked.first_row
        if not model.schema.warns:
            return [model.answer(f"{prefix}-{first + i:x}", output, row + i) for i, output in enumerate(outputs)]
        warnings = model.schema.warnings
        return [
            model.answer(f"{prefix}-{first + i:x}", output, row + i, warnings(values))
            for i, (output, values) in enumerate(zip(outputs, asked.values, strict=True))
        ]

    def tick(self) -> None:
        """What is done once a second: a minute's figures end, a log that has grown old is closed."""
        self.counters.tick()
        if self.log is not None:
            self.log.tick()

    def close(self) -> None:
        """Answer who waits, and close the log."""
        self.run()
        if self.log is not None:
            self.log.close()
