"""A batch as it is handed over: the answered rows with their answers, and the refused ones with their reasons."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tasks.batch_scoring.answered import Chunk, recalled
from tasks.batch_scoring.work import Batch, Work
from tasks.core.records import BYTES, Column
from tasks.scoring.answering import PROBLEM, Answering
from tasks.scoring.inputs import taken

if TYPE_CHECKING:
    import polars as pl


def kept(answering: Answering, chunk: Chunk) -> pl.DataFrame:
    """The answered rows of a chunk with their answers."""
    answered = chunk.answers[PROBLEM].is_null()
    whole = answering.joined(chunk.rows, chunk.answers.drop(PROBLEM))
    return _typed(whole if answered.all() else whole.filter(answered), answering.scorer.card.inputs)


def _typed(frame: pl.DataFrame, inputs: tuple[Column, ...]) -> pl.DataFrame:
    """The frame with numbers, dates and truth values that came as text in their types.

    One word in a file of numbers makes them all text, and the next batch would not go with this one.
    """
    import polars as pl

    texts = [each for each in inputs if each.type not in ("text", *BYTES) and frame.schema.get(each.name) == pl.String]
    return frame.with_columns(taken(frame, texts)) if texts else frame


def refused(work: Work, batch: Batch, answering: Answering) -> Iterator[pl.DataFrame]:
    """The refused rows with their reasons."""
    for number in range(batch.n_chunks):
        chunk = recalled(work, batch, number)
        if chunk is not None and chunk.answers[PROBLEM].null_count() < chunk.rows.height:
            whole = answering.joined(chunk.rows, chunk.answers.select(PROBLEM))
            yield whole.filter(whole[PROBLEM].is_not_null())
