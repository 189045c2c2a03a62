"""Answers to many rows at once: computed in threads some thousands at a time, logged, then given.

The champion alone answers them: a canary takes its share of other requests, and a shadow is not asked. Chunks of
several requests take turns in the threads. The log is only written by the thread of the event loop, a chunk at a time,
so that nobody waits for more than one.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from tasks.core import clock
from tasks.core.errors import Unavailable
from tasks.modalities.matrix import width
from tasks.serving import frames
from tasks.serving.frames import Rows
from tasks.serving.group import FULL, Group
from tasks.serving.model import Model

if TYPE_CHECKING:
    from tasks.scoring.scorer import Floats

CHUNK_CELLS = 1_000_000
"""Cells of the matrix that are held at a time."""
MOST_CHUNK = 8_192
"""Rows: about 40 ms of a forest's work."""
LEAST_CHUNK = 1_024
"""Rows: for less, another thread costs more than it gains."""
N_THREADS = 2
"""Of bulk work in a process, so that single rows find a core."""

_THREADS = ThreadPoolExecutor(N_THREADS, thread_name_prefix="bulk")
T = TypeVar("T")


@dataclass(frozen=True)
class Part:
    """The answers to some of the rows, and their frame for the log."""

    labels: Sequence[Any]
    outputs: Floats
    warnings: list[list[str]] | None
    frame: bytes | None


@dataclass(frozen=True)
class Answered:
    """The answers to all rows, which are logged."""

    model: Model
    prefix: str
    first: int
    parts: tuple[Part, ...]

    @property
    def labels(self) -> list[Any]:
        """The prediction of each row."""
        return [label for part in self.parts for label in part.labels]

    @property
    def outputs(self) -> Floats:
        """Probabilities (n, n_classes), or values (n,)."""
        import numpy as np

        classes = self.model.card.target.classes
        return np.concatenate([part.outputs for part in self.parts] or [np.empty((0, len(classes)) if classes else 0)])

    @property
    def warnings(self) -> list[list[str]] | None:
        """What is told of each row; None where the model has nothing to tell."""
        if not self.model.schema.warns:
            return None
        return [told for part in self.parts for told in part.warnings or ()]

    def as_json(self) -> bytes:
        """A JSON list of the answers, as to a list of JSON rows."""
        import msgspec

        return msgspec.json.encode(self.model.answers(self.ids, self.labels, self.outputs, self.warnings))

    @property
    def ids(self) -> list[str]:
        """The identifier of each row's prediction."""
        n_rows = sum(len(part.labels) for part in self.parts)
        return [f"{self.prefix}-{number:x}" for number in range(self.first, self.first + n_rows)]


async def answered(group: Group, read: Callable[[Model], Rows], started: int) -> Answered:
    """The answers of the group to the rows that `read` makes for its model, in threads. Raises Refusal."""
    rows = await in_thread(lambda: read(group.model))
    n_rows = rows.frame.height
    first = group.ids.take(n_rows)
    parts: list[Part] = []
    step = _chunk(group.model, n_rows)
    for start in range(0, n_rows, step * N_THREADS):
        spans = [slice(at, at + step) for at in range(start, min(start + step * N_THREADS, n_rows), step)]
        work = [in_thread(lambda span=span: _part(group, rows, span, first, started)) for span in spans]
        for part in await asyncio.gather(*work, return_exceptions=True):
            if isinstance(part, BaseException):
                raise part
            parts.append(part)
    await _log(group, parts)
    classes, total = await in_thread(lambda: _counted(group.model, parts))
    group.counters.answered_bulk((time.perf_counter_ns() - started) // 1000, n_rows, classes, total)
    return Answered(group.model, group.ids.prefix, first, tuple(parts))


async def in_thread(work: Callable[[], T]) -> T:
    """What the function gives, called in a thread for bulk work."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, work)


def _chunk(model: Model, n_rows: int) -> int:
    """How many rows are computed at a time."""
    card = model.card
    held = max(256, CHUNK_CELLS // max(1, width(card.features) + len(card.inputs)))
    return min(MOST_CHUNK, held, max(LEAST_CHUNK, -(-n_rows // N_THREADS)))


def _part(group: Group, rows: Rows, span: slice, first: int, started: int) -> Part:
    frame = rows.frame[span]
    labels, outputs = group.model.bulk(frames.packed(frame, group.model, span.start), span.start)
    warnings = group.model.schema.guard.all_warnings(frame) if group.model.schema.warns else None
    if group.log is None:
        return Part(labels, outputs, warnings, None)
    keys = rows.keys[span] if rows.keys is not None else None
    latency_us = (time.perf_counter_ns() - started) // 1000
    try:
        logged = group.log.bulk_frame(first + span.start, clock.now_us(), latency_us, frame, labels, outputs, keys)
    except Unavailable as exc:
        raise FULL from exc
    return Part(labels, outputs, warnings, logged)


async def _log(group: Group, parts: Sequence[Part]) -> None:
    """Have the rows on file before anybody is answered; if there is no room for all, some may be. Raises Refusal."""
    if group.log is None:
        return
    for part in parts:
        if part.frame is not None:
            try:
                group.log.append([part.frame], len(part.labels))
            except Unavailable:
                raise FULL from None
            await asyncio.sleep(0)


def _counted(model: Model, parts: Sequence[Part]) -> tuple[Counter[str], float]:
    if not model.card.target.classes:
        return Counter(), float(sum(part.outputs.sum() for part in parts))
    return sum((Counter(part.labels) for part in parts), Counter[str]()), 0.0
