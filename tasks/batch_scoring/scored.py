"""What came of scoring: the record that the flow returns, and that the command prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from tasks.batch_scoring.answered import Chunk
from tasks.batch_scoring.work import Batch
from tasks.core.records import Record
from tasks.scoring.answering import PROBLEM


class Scored(Record):
    """A batch that was delivered; one of no rows where the source had nothing new.

    `reasons` are why rows were refused, by how many, and `refused` is the file with these rows; `versions` is how many
    rows each version of the model answered, and `n_remembered` how many rows an earlier run had answered already.
    """

    project: str
    source: str
    output: str
    batch: str = ""
    n_rows: int = 0
    n_answered: int = 0
    n_refused: int = 0
    n_remembered: int = 0
    n_logged: int = 0
    reasons: tuple[tuple[str, int], ...] = ()
    warnings: tuple[tuple[str, int], ...] = ()
    left_out: tuple[tuple[str, int], ...] = ()
    """What of the source was no row."""
    refused: str | None = None
    versions: Mapping[str, int] = {}

    @property
    def sentence(self) -> str:
        """What came of it, in a line."""
        if not self.n_rows:
            return f"nothing new in {self.source}"
        refused = f", {self.n_refused:,} refused" if self.n_refused else ""
        return f"{self.n_answered:,} rows answered{refused}"


class Tally:
    """What is counted while chunks go by."""

    def __init__(self) -> None:
        self.n_rows = self.n_answered = self.n_remembered = 0
        self.reasons: Counter[str] = Counter()
        self.warnings: Counter[str] = Counter()
        self.versions: Counter[str] = Counter()

    def add(self, chunk: Chunk) -> None:
        """Count the chunk."""
        n_rows = chunk.rows.height
        problems = chunk.answers[PROBLEM].drop_nulls()
        self.n_rows += n_rows
        self.n_answered += n_rows - len(problems)
        self.n_remembered += n_rows if chunk.remembered else 0
        self.reasons.update(_kind(problem) for problem in problems)
        self.warnings.update(chunk.warned)
        self.versions[chunk.version] += n_rows - len(problems)

    def scored(
        self, project: str, source: str, output: str, batch: Batch, n_logged: int, refused: str | None
    ) -> Scored:
        """The record of it."""
        return Scored(
            project=project,
            source=source,
            output=output,
            batch=batch.id,
            n_rows=self.n_rows,
            n_answered=self.n_answered,
            n_refused=self.n_rows - self.n_answered,
            n_remembered=self.n_remembered,
            n_logged=n_logged,
            reasons=tuple(self.reasons.most_common(MOST_REASONS)),
            warnings=tuple(self.warnings.most_common(MOST_REASONS)),
            left_out=batch.left_out,
            refused=refused,
            versions={version: n_rows for version, n_rows in self.versions.items() if n_rows},
        )


MOST_REASONS = 20
"""That are told; the file of the refused rows has all."""


def _kind(problem: str) -> str:
    """The reason without the value that was found, so that rows of one fault are counted together."""
    return "; ".join(part.rpartition(", found ")[0] or part for part in problem.split("; "))
