"""Answers to frames of raw rows: what the model says of each, and why it says nothing of some."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tasks.core.cells import IsReadable
from tasks.modalities import readable
from tasks.scoring.guard import Guard
from tasks.scoring.inputs import taken

if TYPE_CHECKING:
    import polars as pl

    from tasks.scoring.scorer import Scorer

PROBLEM = "__problem__"
"""The column that says why a row has no answer: an image cannot be read, an expectation does not hold."""
OVERFLOW = "The model has no finite answer: a number is far too large"


class Answering:
    """A model with what it asks of rows first. It may be asked from several threads at once.

    With `refusing` a row is refused for everything that makes it unanswerable, and the others are answered; without
    it a value that is not of its column's type is a DataError.
    """

    def __init__(self, scorer: Scorer, refusing: bool = False) -> None:
        self.scorer = scorer
        self._refusing = refusing
        self._checks = readable(scorer.card.inputs)
        self._guard = Guard(scorer.card.expectations, scorer.card.inputs)

    def answers(self, frame: pl.DataFrame, warned: Counter[str], first_row: int = 0) -> pl.DataFrame:
        """For each row `prediction` and `probability_<class>`; where rows can be refused these are null for those that
        are, and `__problem__` says why. Warnings are counted by claim; `first_row` is the number of the first row.
        """
        import polars as pl

        inputs, refusing = self.scorer.card.inputs, self._refusing
        if not (refusing or self._checks or self._guard):
            return self.scorer.predict(frame)
        misfits: dict[int, str] | None = {} if refusing else None
        given = taken(frame, inputs, first_row=first_row, misfits=misfits)
        asked, problem = _without_unreadable(given, self._checks)
        problem = _joined(self._guard.problems(asked, warned), problem)
        if misfits:
            problem = _joined(pl.Series([misfits.get(row) for row in range(frame.height)], dtype=pl.String), problem)
        found = self.scorer.predict(asked)
        if refusing:
            overflown = ~found.select(pl.all_horizontal(pl.selectors.float().is_finite())).to_series()
            problem = pl.select(
                pl.when(overflown & problem.is_null()).then(pl.lit(OVERFLOW)).otherwise(problem)
            ).to_series()
        if refusing or self._checks or self._guard.rejecting:
            found = found.select(pl.when(problem.is_null()).then(pl.all())).with_columns(problem.alias(PROBLEM))
        return found

    def joined(self, frame: pl.DataFrame, answers: pl.DataFrame) -> pl.DataFrame:
        """The rows without their images and sounds, with their answers; columns of the answers' names are replaced."""
        media = [check.columns[0] for check in self._checks]
        return frame.drop(*media, *answers.columns, strict=False).hstack(answers)


def _joined(one: pl.Series, other: pl.Series) -> pl.Series:
    """Both reasons of each row; null where there is none."""
    import polars as pl

    both = pl.concat_str(pl.all(), separator="; ", ignore_nulls=True).replace("", None)
    return pl.DataFrame([one.alias("one"), other.alias("other")]).select(both.alias(PROBLEM)).to_series()


def _without_unreadable(frame: pl.DataFrame, checks: Sequence[IsReadable]) -> tuple[pl.DataFrame, pl.Series]:
    """The rows with what cannot be read as missing, and for each of them why it cannot be read."""
    import polars as pl

    if not checks:
        return frame, pl.Series([None] * frame.height, dtype=pl.String)
    found = pl.DataFrame([check.found(frame).alias(check.columns[0]) for check in checks])
    read = [pl.when(found[name].is_null()).then(pl.col(name)).alias(name) for name in found.columns]
    problem = pl.concat_str(pl.all(), separator="; ", ignore_nulls=True).replace("", None)
    return frame.with_columns(read), found.select(problem).to_series()
