"""How good the data are, as a record: relevant, accurate, diverse and representative, each with a figure and a word."""

from __future__ import annotations

from typing import Literal

from tasks.core.records import Record

CriterionName = Literal["relevant", "accurate", "diverse", "representative"]
Word = Literal["good", "fair", "poor", "not judged"]

_FIRST: tuple[CriterionName, ...] = ("accurate", "representative", "relevant", "diverse")
"""Among equals the first to mend: wrong rows spoil every other figure, and strange ones the figures on the test."""


class Association(Record):
    """How much of the target one feature explains by itself, on training rows.

    `share` is of the target's variance (of its ranks, or of its classes' indicators), 0 to 1, corrected for chance;
    `low` and `high` bound it with 95 % confidence. Of features that say nothing, 95 % stay below `chance`.
    `beyond_chance` holds for all features together (5 % false discoveries).
    """

    feature: str
    share: float
    low: float
    high: float
    chance: float
    beyond_chance: bool


class Distance(Record):
    """How far a column's values lie apart in two sets of rows: the share of the one that the other has elsewhere.

    `apart` is 0 (alike) to 1 (nothing in common). By chance alone 95 % of columns stay below `chance`.
    """

    column: str
    between: str
    apart: float
    chance: float
    beyond_chance: bool


class Criterion(Record):
    """One of the four: its figure from 0 to 1 (None where nothing can be said), and the word for it.

    `headline` is the figure in a few words, `facts` are sentences, the main one first; `action` is empty when nothing
    is to be done.
    """

    name: CriterionName
    value: float | None
    word: Word
    headline: str
    facts: tuple[str, ...]
    action: str = ""


class Appraisal(Record):
    """How good the data are. `associations` and `distances` are the strongest first, and no more than people read.

    Of `n_columns` features the association was measured, on `n_rows_seen` rows where not all were looked at.
    """

    criteria: tuple[Criterion, ...]
    associations: tuple[Association, ...]
    distances: tuple[Distance, ...]
    n_rows_seen: int
    n_columns: int

    @property
    def worst(self) -> Criterion:
        """The criterion to mend first."""
        words: tuple[Word, ...] = ("poor", "fair", "good", "not judged")
        return min(self.criteria, key=lambda each: (words.index(each.word), _FIRST.index(each.name)))

    @property
    def advice(self) -> str:
        """What to do first, in a sentence."""
        return self.worst.action or "Nothing about the data stands out; more rows of the same kind would help most."
