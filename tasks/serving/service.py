"""One project as a process serves it: requests are read, asked of whoever answers them, or refused in words."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from typing import Any

from tasks.core import clock
from tasks.core.errors import NotLogged
from tasks.core.predictions.refusals import Refusals
from tasks.serving.group import FULL, Asked, Deliver, Group, Ids
from tasks.serving.lineup import Lineup, Served
from tasks.serving.refusal import BROKEN, Refusal
from tasks.serving.schema import key_text

CHUNK = 256  # rows of one request a turn, so that a long list keeps no other request waiting for more than 3 ms

log = logging.getLogger("keepfit.serving")


class Service:
    """Answers for one project. `report` is told what the ledger should know: an event's name and its facts."""

    def __init__(
        self, served: Served, ids: Ids, refusals: Refusals, report: Callable[[str, dict[str, Any]], None]
    ) -> None:
        self.name = served.name
        self.home = served.home
        self.key = served.key
        self.lineup = Lineup(served, ids, report)
        self._refusals = refusals

    @property
    def champion(self) -> Group:
        """The group of the model that serves. Raises Refusal while there is none."""
        return self.lineup.champion

    def tick(self) -> None:
        """What is done once a second."""
        self._refusals.flush(clock.now())
        self.lineup.tick()

    def close(self) -> None:
        """Answer who waits, and close the logs."""
        self._refusals.flush(clock.now())
        self.lineup.close()

    def submit(self, body: bytes, started: int, deliver: Deliver) -> bool:
        """Have `deliver` called with the answers to the rows of a JSON body; False if that would take too long here.

        Raises Refusal.
        """
        group = self.champion
        schema = group.model.schema
        if schema.is_slow:
            return False
        rows, _ = schema.read(body)
        if len(rows) > CHUNK:
            return False
        self._ask(group, Asked(*schema.packed(rows), schema.keys(rows), started, deliver))
        return True

    async def answers(self, rows: Sequence[Any], started: int) -> list[Any]:
        """The answers to rows that the champion's schema read, some at a time. Raises Refusal."""
        group = self.champion  # a request is answered by one model, whatever takes its place meanwhile
        schema = group.model.schema
        loop = asyncio.get_running_loop()
        found: list[Any] = []

        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            logged: list[tuple[Any, ...]] | None = None
            if schema.is_slow:
                # An image takes milliseconds to decode and to keep, in which the loop would answer nobody.
                values, floats = await asyncio.to_thread(schema.packed, chunk, start)
                if group.log is not None:
                    logged = await asyncio.to_thread(group.log.rows, values) or []
            else:
                values, floats = schema.packed(chunk, start)
            future: asyncio.Future[list[Any]] = loop.create_future()

            def deliver(told: list[Any] | Exception, future: asyncio.Future[list[Any]] = future) -> None:
                if not future.done():
                    future.set_exception(told) if isinstance(told, Exception) else future.set_result(told)

            self._ask(group, Asked(values, floats, schema.keys(chunk), started, deliver, start, logged))
            found += await future
        return found

    def _ask(self, group: Group, asked: Asked) -> None:
        """Ask the champion's group, or the canary if it is one of its requests."""
        canary = self.lineup.canary
        if canary is not None and canary.takes(asked.keys):
            canary.ask(asked, group)
        else:
            group.ask(asked)

    def key_text(self, values: Sequence[Any]) -> str:
        """The caller's key of a row as one text, as the log has it. Raises Refusal: another number of columns."""
        if len(values) != max(1, len(self.key)):
            raise Refusal(422, "The key has another number of values", expected=", ".join(self.key) or "one value")
        return key_text(values)

    def refused(self, exc: Exception) -> Refusal:
        """What to send in place of an answer; it is counted and logged."""
        if isinstance(exc, NotLogged):
            exc = FULL
        if not isinstance(exc, Refusal):
            log.error("%s could not answer a request", self.name, exc_info=exc)
        refusal = exc if isinstance(exc, Refusal) else BROKEN
        self.lineup.counters.refused(refusal.status)
        # Neither a value nor a name of the caller's: what was sent is not to be kept for being refused.
        field = refusal.error["field"]
        what = re.sub("“.*?”", "…", str(refusal.error["what"]))
        self._refusals.add(refusal.status, what, str(field) if field in self.lineup.fields else None)
        return refusal
