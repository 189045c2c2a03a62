"""Score a batch: read what is to be scored, ask the champion, hand over each answer once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tasks.batch_scoring import delivered
from tasks.batch_scoring.answered import Chunk, answered
from tasks.batch_scoring.logged import BatchLog
from tasks.batch_scoring.pinned import pin
from tasks.batch_scoring.scored import Scored, Tally
from tasks.batch_scoring.section import Wanted
from tasks.batch_scoring.work import Batch, Done, Work
from tasks.core import progress, store
from tasks.core.errors import UsageError
from tasks.core.model_records import Champion
from tasks.core.records import Record
from tasks.core.step import action
from tasks.outputs import File, formats
from tasks.scoring.answering import Answering
from tasks.scoring.scorer import Scorer
from tasks.serving.section import Log


class Pinned(Record):
    """The rows that are to be scored; None when nothing is new. `resumed`: an earlier run had begun with them."""

    batch: Batch | None
    resumed: bool = False


@action
def read_rows(project: str, wanted: Wanted, champion: Champion, again: bool = False) -> Pinned:
    """The rows of the source, pinned; where batches are added to what is there, those that are new since the last one.

    A batch that is unfinished there comes first.
    """
    _require_apart(wanted)
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
    wanted.output.take(batch.id, (delivered.kept(answering, chunk) for chunk in chunks))
    side = wanted.output.side(batch.id, work.folder)
    if tally.n_answered < tally.n_rows:
        side.parent.mkdir(exist_ok=True)
        formats.write(side, delivered.refused(work, batch, answering), "the refused rows")
    else:
        side.unlink(missing_ok=True)
    stamp, version = wanted.output.stamp(batch.id), champion.version
    work.end(Done(id=batch.id, digest=batch.digest, version=version, stamp=stamp, position=batch.position))
    refused = str(side) if side.exists() else None
    n_logged = tally.n_answered if logged else 0
    return tally.scored(project, wanted.source.title, wanted.output.title, batch, n_logged, refused)


def _require_apart(wanted: Wanted) -> None:
    """UsageError when the answers would be among the rows, and so be scored themselves."""
    if not isinstance(wanted.output, File):
        return
    output, place = Path(wanted.output.path).absolute(), getattr(wanted.source, "path", None)
    for each in [place] if isinstance(place, (str, Path)) else place or ():
        if Path(each).is_dir() and output.is_relative_to(Path(each).absolute()):
            raise UsageError(f"The answers would be among the rows in {each}", action="Name an output outside of it")


def _is_done(work: Work, batch: Batch, version: str, wanted: Wanted) -> bool:
    """Whether the last batch had the same rows, was answered by the same version, and is still there."""
    if (done := work.done()) is None or (done.digest, done.version) != (batch.digest, version):
        return False
    return bool(done.stamp) and wanted.output.stamp(done.id) == done.stamp


def _counted(chunks: Iterator[Chunk], tally: Tally, batch: Batch, logged: BatchLog | None) -> Iterator[Chunk]:
    """The chunks, each in the log before it goes on to the output."""
    for chunk in chunks:
        if logged:
            logged.take(chunk, tally.n_rows)
        tally.add(chunk)
        yield chunk
        progress.advance("score_rows", f"{tally.n_rows:,} rows", tally.n_rows, batch.n_rows)
