"""The rows of a source, pinned: as they were read, they are scored, whatever becomes of the source meanwhile."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING

from tasks.batch_scoring.work import Batch, Work
from tasks.core import arrow, progress
from tasks.core.ahead import ahead
from tasks.core.errors import DataError
from tasks.core.intake import Intake
from tasks.core.pending import HashingFile
from tasks.core.records import Column
from tasks.scoring.inputs import taken
from tasks.sources import Source
from tasks.sources.files import NoFile
from tasks.sources.joined import Joined

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK = 32_768
"""Rows: a third of a second of a forest's work, so that little is lost to a kill."""


def pin(work: Work, source: Source | Joined, columns: tuple[Column, ...], grows: bool) -> Batch | None:
    """The rows of the source as a batch at hand, or, where the output grows, those that are new since the last one.

    None when nothing is new. DataError when a model of these columns cannot be asked them; then nothing is at hand.
    """
    import polars as pl
    import pyarrow.parquet as pq

    done = work.done() if grows else None
    since = done.position if done else None
    schema = pq.read_schema(work.schema) if since is not None and work.schema.exists() else None
    folder = work.folder / "fetched"
    folder.mkdir(exist_ok=True)
    intake = Intake(since, schema, folder)
    intake.forgets = True  # files that were scored are often put away
    batches = progress.told("read_rows", source.batches(intake))
    try:
        first = next((batch for batch in batches if batch.num_rows), None)
    except NoFile:
        if not grows:
            raise
        return None  # an inbox in which nothing lies yet, or nothing any more
    if intake.restarted:
        raise DataError(
            f"{source.title} has changed where it was scored already",
            expected="only rows or files that are new",
            found="another file, or other columns, in place of one of those before",
            action="Score all of it again with `--again`, or put the new rows beside the old",
        )
    if first is None:
        if grows:
            return None
        raise DataError(f"{source.title} has no rows", expected="at least one", action="Check what wrote it")
    taken(pl.DataFrame(first.slice(0, 1)), columns, misfits={})
    before = work.batch()
    written = _write(work, chain([first], batches), first.schema)
    pq.write_metadata(first.schema, work.schema)  # pyright: ignore[reportUnknownMemberType]
    if before is not None and before.digest == written[0]:
        return before  # what was answered of it is still true
    now = datetime.now(UTC)
    unique = hashlib.sha256(f"{now}{work.folder}{written[0]}".encode()).hexdigest()[:12]
    batch = Batch(
        id=f"{now:%Y%m%dT%H%M%S%f}-{unique}",
        digest=written[0],
        n_rows=written[1],
        n_chunks=written[2],
        position=intake.reached,
        left_out=tuple(intake.reasons.most_common()),
    )
    work.discard_answers()
    work.begin(batch)
    return batch


def _write(work: Work, batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> tuple[str, int, int]:
    """The rows in the batch's file, all of them or none; their digest, their number, and that of the chunks."""
    import pyarrow as pa

    n_rows = n_chunks = 0
    growing = work.rows("growing")
    growing.parent.mkdir(exist_ok=True)
    with growing.open("wb") as raw:
        file = HashingFile(raw)
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        with pa.ipc.new_file(pa.PythonFile(file, "w"), schema, options=options) as writer:
            for group in ahead(arrow.grouped(batches, schema)):
                for start in range(0, group.num_rows, CHUNK):
                    chunk = group.slice(start, CHUNK)
                    writer.write_batch(chunk)
                    n_rows, n_chunks = n_rows + chunk.num_rows, n_chunks + 1
        raw.flush()
        os.fsync(raw.fileno())
    growing.replace(work.rows(file.digest()))
    return file.digest(), n_rows, n_chunks
