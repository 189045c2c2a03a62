"""The answers to a batch, chunk by chunk, each kept in a file before anybody sees it: a chunk is asked once."""

from __future__ import annotations

import json
import os
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.batch_scoring.work import Batch, Work
from tasks.core import store
from tasks.scoring.answering import PROBLEM, Answering

if TYPE_CHECKING:
    import polars as pl

CHUNK = 32_768
"""Rows: a third of a second of a forest's work, so that little is lost to a kill."""
MOST_THREADS = 8
"""A model's session computes in the thread that asks it, so as many are asked at once as there are cores."""
VERSION, MOMENT = "model_version", "scored_at"
"""The columns that say which version answered, and when."""
_WARNED = b"warned"


@dataclass(frozen=True)
class Chunk:
    """Some rows of a batch, and for each of them its answer, or why there is none (`__problem__`)."""

    number: int
    rows: pl.DataFrame
    answers: pl.DataFrame
    warned: Counter[str]
    remembered: bool

    @property
    def version(self) -> str:
        """The version that answered."""
        return self.answers[VERSION][0]


def answered(
    work: Work, batch: Batch, answering: Answering, version: str, keeps: Callable[[int], bool] = lambda _: True
) -> Iterator[Chunk]:
    """The chunks of the batch in order; what an earlier run answered is taken from its file.

    Of another version's answers those are taken whose number `keeps` is for; the other chunks are asked again.
    """
    work.answers.mkdir(exist_ok=True)
    n_threads = min(len(os.sched_getaffinity(0)), MOST_THREADS)
    waiting: deque[Future[Chunk]] = deque()
    with ThreadPoolExecutor(n_threads, thread_name_prefix="scoring") as pool:
        try:
            for number, rows in enumerate(rows_of(work, batch)):
                path = work.answers / f"{number:06}.arrow"
                known = recalled(path, number, rows)
                if known is None or (known.version != version and not keeps(number)):
                    waiting.append(pool.submit(_ask, path, number, rows, answering, version))
                else:
                    done: Future[Chunk] = Future()
                    done.set_result(known)
                    waiting.append(done)
                if len(waiting) > n_threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def rows_of(work: Work, batch: Batch) -> Iterator[pl.DataFrame]:
    """The rows of the batch, cut in the same places every time."""
    import polars as pl

    found = store.batches(batch.dataset, rows=CHUNK)
    while True:
        with store.opened(work.folder):  # for the reading alone: between, the caller's own store is open
            rows = next(found, None)
        if rows is None:
            return
        yield pl.DataFrame(rows)


def recalled(path: Path, number: int, rows: pl.DataFrame) -> Chunk | None:
    """The chunk as its file has it; None when there is none."""
    import polars as pl
    import pyarrow as pa

    try:
        with pa.memory_map(str(path)) as file:
            table = pa.ipc.open_file(file).read_all()
    except FileNotFoundError:
        return None
    warned = Counter[str](json.loads((table.schema.metadata or {})[_WARNED]))
    answers = pl.DataFrame(table)
    return Chunk(number, rows, answers, warned, remembered=True) if answers.height == rows.height else None


def _ask(path: Path, number: int, rows: pl.DataFrame, answering: Answering, version: str) -> Chunk:
    import polars as pl
    import pyarrow as pa

    warned: Counter[str] = Counter()
    found = answering.answers(rows, warned)
    marks = [pl.lit(version).alias(VERSION), pl.lit(datetime.now(UTC)).cast(pl.Datetime("us", "UTC")).alias(MOMENT)]
    found = found.select(pl.exclude(PROBLEM), *marks, PROBLEM)
    table = found.to_arrow(compat_level=pl.CompatLevel.oldest())
    table = table.replace_schema_metadata({_WARNED: json.dumps(warned).encode()})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as file:
        file.write_table(table)
    store.write_file(path, sink.getvalue().to_pybytes())
    return Chunk(number, rows, found, warned, remembered=False)
