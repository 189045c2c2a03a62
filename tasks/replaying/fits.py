"""Models as they would have been trained at a date: each fitted once, kept as ONNX, and shared by all policies."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import lru_cache, partial
from threading import Lock
from time import thread_time
from typing import Any

from tasks.core import memory, progress, store
from tasks.core.model_records import Member
from tasks.core.records import Feature
from tasks.core.step import key_of
from tasks.learning.parallel import as_done, heard, one_thread, within_context
from tasks.modalities.matrix import width
from tasks.replaying.fitted import MOST_ROWS, Fit, fitted
from tasks.replaying.history import History, Seen
from tasks.replaying.known import Once, Stretch
from tasks.retraining import correction, gain
from tasks.retraining.correction import Correction, Floats
from tasks.scoring.scorer import Scorer

HELD, CELLS_HELD = 4, 4_000_000
"""Ways to see the rows that are remembered, and of each so many cells: all of most histories, else the newest rows."""


class Fits:
    """The models of a history, by how many rows they know; thread-safe."""

    def __init__(self, history: History, project: str, metric: str, members: Sequence[Member], seed: int) -> None:
        self.history, self.project, self.metric = history, project, metric
        self.members, self.seed = tuple(members), seed
        self.n_fitted = self.n_recalled = 0
        self._scorers: dict[int, tuple[Scorer, float]] = {}
        self._answers = Once[int, Stretch]()
        self._matrices = lru_cache(HELD)(self._seen_as)
        self._corrections = Once[tuple[int, int], tuple[Correction, float]]()
        self._lock = Lock()

    def prefit(self, sizes: Iterable[int], threads: int | None = None) -> None:
        """Fit what is not known yet, on all cores; what is finished is kept, so a kill costs one fit a core."""
        wanted = sorted(set(sizes), reverse=True)  # the longest first, or a core waits at the end
        threads = min(threads or os.cpu_count() or 1, len(wanted))
        calls = [within_context(partial(self.scorer, size)) for size in wanted]
        # scikit-learn resets the filter of warnings for a moment, and another thread that fits then warns of it.
        with one_thread(), heard():
            for done, _ in enumerate(as_done(calls, threads), 1):
                progress.advance("fit", "", done, None if done == len(wanted) else len(wanted))

    def scorer(self, n_rows: int) -> Scorer:
        """The model that knows the first rows."""
        return self._known(n_rows)[0]

    def seconds(self, n_rows: int) -> float:
        """What it cost to fit."""
        return self._known(n_rows)[1]

    def answers(self, n_rows: int, rows: slice) -> Floats:
        """What it answers to later rows (or any)."""
        return self._answers.get(n_rows, lambda: Stretch(partial(self._asked, n_rows))).of(rows)

    def proxy(self, n_rows: int, known: int, rows: slice) -> Floats:
        """What stands in for the model of `n_rows` where the rows after `known` judge it: the same without them."""
        return self.answers(known, rows)

    def matrix(self, n_rows: int, rows: slice) -> Floats:
        """These rows as it sees them."""
        features = self.scorer(n_rows).card.features
        return self._matrices(tuple(each.model_copy(update={"reason": ""}) for each in features)).of(rows)

    def correction(self, n_rows: int, number: int) -> tuple[Correction, float]:
        """The correction of it by the newest rows whose outcome is known as a window begins, and what that cost."""
        return self._corrections.get((n_rows, number), lambda: self._corrected(n_rows, number))

    def _corrected(self, n_rows: int, number: int) -> tuple[Correction, float]:
        started, window = thread_time(), self.history.windows[number]
        n_labelled = window.n_labelled
        n_older = self.history.n_before(window.start - correction.TAUGHT * self.history.every)
        rows = slice(n_labelled - correction.n_taught(n_labelled, n_labelled - n_older), n_labelled)
        x, y, answers = self.matrix(n_rows, rows), self.history.answers(rows), self.answers(n_rows, rows)
        n_trees, problem = correction.n_trees_of(self.scorer(n_rows).card), self.history.seen.target.problem
        made = correction.fitted(x, y, answers, problem, n_trees, self.seed)
        return made, thread_time() - started

    def _seen_as(self, features: tuple[Feature, ...]) -> Stretch:
        """Of any models that see rows alike."""

        def prepared(rows: slice) -> Floats:
            raw = self.history.rows[rows.start : rows.stop]
            return gain.matrix_of(raw, self.history.seen.inputs, features)

        return Stretch(prepared, CELLS_HELD // max(1, width(features)))

    def _asked(self, n_rows: int, rows: slice) -> Floats:
        return self.scorer(n_rows).ask(self.matrix(n_rows, rows))

    def _known(self, n_rows: int) -> tuple[Scorer, float]:
        if n_rows not in self._scorers:
            with self._lock:
                rows = self.history.before(n_rows)
            arguments: dict[str, Any] = {
                "rows": rows.digest,
                "seen": [repr(part) for part in _spoken(self.history.seen)],
                "members": [member.model_dump() for member in self.members],
                "seed": self.seed,
                "most": MOST_ROWS,
            }
            key = key_of(fitted, arguments)
            found = memory.recall("replayed_fit", key, Fit)
            self.n_recalled += found is not None
            if found is None:
                self.n_fitted += 1
                found = fitted(self.history, n_rows, self.members, self.project, self.metric, self.seed)
                memory.remember("replayed_fit", key, found)
            scorer = Scorer.open(store.path(found.artifact), found.artifact.digest)
            self._scorers[n_rows] = scorer, found.seconds
        return self._scorers[n_rows]


def _spoken(seen: Seen) -> list[Any]:
    return [seen.inputs, seen.columns, dict(seen.declared), dict(seen.said), seen.time, seen.target]
