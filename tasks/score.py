"""Score a batch: read what is to be scored, ask the champion, hand over each answer once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tasks.batch_scoring.answered import Chunk, answered, recalled
from tasks.batch_scoring.logged import BatchLog
from tasks.batch_scoring.pinned import pin
from tasks.batch_scoring.scored import Scored, Tally
from tasks.batch_scoring.section import Wanted
from tasks.batch_scoring.work import Batch, Done, Work
from tasks.core import progress, store
from tasks.core.model_records import Champion
from tasks.core.records import BYTES, Column, Record
from tasks.core.step import action
from tasks.outputs import formats
from tasks.scoring.answering import PROBLEM, Answering
from tasks.scoring.inputs import taken
from tasks.scoring.scorer import Scorer
from tasks.serving.section import Log

if TYPE_CHECKING:
    import polars as pl


class Pinned(Record):
    """The rows that are to be scored; None when nothing is new. `resumed`: an earlier run had begun with them."""

    batch: Batch | None
    resumed: bool = False


@action
def read_rows(project: str, wanted: Wanted, champion: Champion, again: bool = False) -> Pinned:
    """The rows of the source, pinned; where batches are added to what is there, those that are new since the last one.

    A batch that is unfinished there comes first.
    """
    wanted.output.require()
    work = Work(project, wanted.source, wanted.output)
    if again:
        work.forget()
    if wanted.output.grows and (batch := work.batch()) is not None:
        return Pinned(batch=batch, resumed=True)
    card = Scorer.open(store.path(champion.artifact), champion.artifact.digest).card
    batch = pin(work, wanted.source, card.inputs, wanted.output.grows)
    if batch is not None and _is_done(work, batch, champion.version, wanted):
        work.clear()
        return Pinned(batch=None)
    return Pinned(batch=batch)


@action
def score_rows(
    project: str, wanted: Wanted, batch: Batch, champion: Champion, log: Log, key: tuple[str, ...] = ()
) -> Scored:
    """The batch with its answers in the output, and in the prediction log if that is wanted, each row once.

    Rows that are refused are in a file beside it, with the reason.
    """
    work = Work(project, wanted.source, wanted.output)
    scorer = Scorer.open(store.path(champion.artifact), champion.artifact.digest)
    logged = BatchLog(project, champion, scorer, log, key, batch) if wanted.log else None
    answering, tally = Answering(scorer, refusing=True), Tally()
    keeps = logged.has if logged else lambda _: True
    chunks = _counted(answered(work, batch, answering, champion.version, keeps), tally, batch, logged)
    wanted.output.take(batch.id, (_kept(answering, chunk) for chunk in chunks))
    side = wanted.output.side(batch.id, work.folder)
    if tally.n_answered < tally.n_rows:
        side.parent.mkdir(exist_ok=True)
        formats.write(side, _refused(work, batch, answering), "the refused rows")
    else:
        side.unlink(missing_ok=True)
    position = Done(id=batch.id, digest=batch.digest, version=champion.version, position=batch.position)
    work.end(position)
    refused = str(side) if side.exists() else None
    n_logged = tally.n_answered if logged else 0
    return tally.scored(project, wanted.source.title, wanted.output.title, batch, n_logged, refused)


def _is_done(work: Work, batch: Batch, version: str, wanted: Wanted) -> bool:
    """Whether the last batch had the same rows, was answered by the same version, and is still there."""
    if (done := work.done()) is None or (done.digest, done.version) != (batch.digest, version):
        return False
    return wanted.output.is_there(done.id)


def _counted(chunks: Iterator[Chunk], tally: Tally, batch: Batch, logged: BatchLog | None) -> Iterator[Chunk]:
    """The chunks, each in the log before it goes on to the output."""
    for chunk in chunks:
        if logged:
            logged.take(chunk, tally.n_rows)
        tally.add(chunk)
        yield chunk
        progress.advance("score_rows", f"{tally.n_rows:,} rows", tally.n_rows, batch.n_rows)


def _kept(answering: Answering, chunk: Chunk) -> pl.DataFrame:
    """The answered rows of a chunk with their answers."""
    kept = chunk.answers[PROBLEM].is_null()
    whole = answering.joined(chunk.rows, chunk.answers.drop(PROBLEM))
    return _typed(whole if kept.all() else whole.filter(kept), answering.scorer.card.inputs)


def _typed(frame: pl.DataFrame, inputs: tuple[Column, ...]) -> pl.DataFrame:
    """The frame with numbers, dates and truth values that came as text in their types.

    One word in a file of numbers makes them all text, and the next batch would not go with this one.
    """
    import polars as pl

    texts = [each for each in inputs if each.type not in ("text", *BYTES) and frame.schema.get(each.name) == pl.String]
    return frame.with_columns(taken(frame, texts)) if texts else frame


def _refused(work: Work, batch: Batch, answering: Answering) -> Iterator[pl.DataFrame]:
    """The refused rows with their reasons."""
    for number in range(batch.n_chunks):
        chunk = recalled(work, batch, number)
        if chunk is not None and chunk.answers[PROBLEM].null_count() < chunk.rows.height:
            whole = answering.joined(chunk.rows, chunk.answers.select(PROBLEM))
            yield whole.filter(whole[PROBLEM].is_not_null())
