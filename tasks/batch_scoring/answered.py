"""The answers to a batch, chunk by chunk, each kept in a file before anybody sees it: a chunk is asked once."""

from __future__ import annotations

import json
import os
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.batch_scoring.work import Batch, Work
from tasks.core import clock, store
from tasks.scoring.answering import PROBLEM, Answering

if TYPE_CHECKING:
    import polars as pl

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
    work: Work, batch: Batch, answering: Answering, version: str, keeps: Callable[[int], bool]
) -> Iterator[Chunk]:
    """The chunks of the batch in order; what an earlier run answered is taken from its file.

    Of another version's answers those are taken whose number `keeps` is for; the other chunks are asked again.
    """
    work.answers.mkdir(exist_ok=True)
    n_threads = min(len(os.sched_getaffinity(0)), MOST_THREADS)
    waiting: deque[Future[Chunk]] = deque()
    with ThreadPoolExecutor(n_threads, thread_name_prefix="scoring") as pool:
        try:
            for number in range(batch.n_chunks):
                waiting.append(pool.submit(_answered, work, batch, number, answering, version, keeps(number)))
                if len(waiting) > n_threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def recalled(work: Work, batch: Batch, number: int) -> Chunk | None:
    """The chunk as an earlier run answered it; None when none did."""
    import polars as pl
    import pyarrow as pa

    try:
        with pa.OSFile(str(work.answers / f"{number:06}.arrow")) as file:
            table = pa.ipc.open_file(file).read_all()
    except FileNotFoundError:
        return None
    warned = Counter[str](json.loads((table.schema.metadata or {})[_WARNED]))
    return Chunk(number, _rows(work, batch, number), pl.DataFrame(table), warned, remembered=True)


def _rows(work: Work, batch: Batch, number: int) -> pl.DataFrame:
    import polars as pl
    import pyarrow as pa

    # Not mapped: the pages of a mapped file count as the process's memory.
    with pa.OSFile(str(work.rows(batch.digest))) as file:
        return pl.DataFrame(pa.ipc.open_file(file).get_batch(number))


def _answered(work: Work, batch: Batch, number: int, answering: Answering, version: str, keeps: bool) -> Chunk:
    """The chunk as it was answered, by this version or, where `keeps` says so, by another one; or else answered now."""
    import polars as pl
    import pyarrow as pa

    known = recalled(work, batch, number)
    if known is not None and (keeps or known.version == version):
        return known
    warned: Counter[str] = Counter()
    found = answering.answers(rows := _rows(work, batch, number), warned)
    marks = [pl.lit(version).alias(VERSION), pl.lit(clock.now()).cast(pl.Datetime("us", "UTC")).alias(MOMENT)]
    found = found.select(pl.exclude(PROBLEM), *marks, PROBLEM)
    table = found.to_arrow(compat_level=pl.CompatLevel.oldest())
    table = table.replace_schema_metadata({_WARNED: json.dumps(warned).encode()})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as file:
        file.write_table(table)
    store.write_file(work.answers / f"{number:06}.arrow", sink.getvalue().to_pybytes())
    return Chunk(number, rows, found, warned, remembered=False)
