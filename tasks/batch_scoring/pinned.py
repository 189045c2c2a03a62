"""The rows of a source, pinned: as they were read, they are scored, whatever becomes of the source meanwhile."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING

from tasks.batch_scoring.work import Batch, Work
from tasks.core import arrow, progress, store
from tasks.core.ahead import ahead
from tasks.core.errors import DataError
from tasks.core.intake import Intake
from tasks.core.records import Column
from tasks.scoring.inputs import taken
from tasks.sources import Source
from tasks.sources.joined import Joined

if TYPE_CHECKING:
    pass


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
    batches = progress.told("read_rows", source.batches(intake))
    first = next((batch for batch in batches if batch.num_rows), None)
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
    with store.opened(work.folder):
        rows = arrow.grouped(chain([first], batches), first.schema)
        dataset = store.dataset("batch", store.put_parts(ahead(rows), first.schema), ())
        pq.write_metadata(first.schema, work.schema)  # pyright: ignore[reportUnknownMemberType]
    now = datetime.now(UTC)
    batch = Batch(
        id=f"{now:%Y%m%dT%H%M%S%f}-{hashlib.sha256(f'{now}{work.folder}{dataset.digest}'.encode()).hexdigest()[:12]}",
        begun=now.isoformat(),
        dataset=dataset,
        position=intake.reached,
        left_out=tuple(intake.reasons.most_common()),
    )
    if (before := work.batch()) is not None and before.dataset.digest == dataset.digest:
        return before  # what was answered of it is still true
    work.discard_answers()
    work.begin(batch)
    return batch
