"""Scored rows in the prediction log: a chunk is a segment whose name follows from the batch, so it is there once."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from tasks.batch_scoring.answered import MOMENT, Chunk
from tasks.batch_scoring.work import Batch
from tasks.core import store
from tasks.core.model_records import Champion
from tasks.core.predictions import whole
from tasks.core.predictions.listing import listing
from tasks.scoring.answering import PROBLEM
from tasks.scoring.inputs import taken
from tasks.serving.frames import finite, keys_of
from tasks.serving.logged import Form
from tasks.serving.model import Identity
from tasks.serving.section import Log as Section

if TYPE_CHECKING:
    from tasks.scoring.scorer import Scorer


class BatchLog:
    """The prediction log of a project, for the rows of one batch."""

    def __init__(
        self, project: str, champion: Champion, scorer: Scorer, section: Section, key: tuple[str, ...], batch: Batch
    ) -> None:
        identity = Identity(project, champion.version, scorer.digest)
        prefix = hashlib.sha256(batch.id.encode()).hexdigest()[:12]
        self._form = Form(store.home(), identity, scorer.card, "champion", prefix, section)
        self._inputs = scorer.card.inputs
        self._key = key
        self._stem = f"{batch.id[:15]}-{prefix}"
        # Nobody else makes segments of these names, so what is there now is all that an earlier run left.
        self._known = {stem for stem in listing(self._form.folder) if stem.startswith(self._stem)}

    def has(self, number: int) -> bool:
        """Whether the chunk of this number was logged by an earlier run."""
        return self._name(number) in self._known

    def take(self, chunk: Chunk, first_row: int) -> None:
        """Have the answered rows of the chunk in the log. Raises NotLogged."""
        if self.has(chunk.number):
            return
        kept = chunk.answers[PROBLEM].is_null()
        rows, answers = chunk.rows.filter(kept), chunk.answers.filter(kept)
        if not rows.height:
            return
        typed = finite(taken(rows, self._inputs), self._inputs)
        labels, classes = answers["prediction"].to_list(), self._form.header.classes
        outputs = answers.select(f"probability_{name}" for name in classes) if classes else answers.select("prediction")
        moment = int(answers[MOMENT].dt.epoch("us")[0])
        keys = keys_of(rows, typed, self._key)
        frame = self._form.bulk_frame(first_row, moment, None, typed, labels, outputs.to_numpy(), keys)
        whole.put(self._form.folder, self._name(chunk.number), self._form.header, frame)

    def _name(self, number: int) -> str:
        return f"{self._stem}-{number + 1}"
