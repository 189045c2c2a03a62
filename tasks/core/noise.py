"""The records of what looks wrong in the rows: values, units, answers. They are told to people; no row is changed."""

from __future__ import annotations

from typing import Literal

from tasks.core.records import Blob, Record

OddityKind = Literal["outliers", "impossible", "placeholder", "units"]


class Oddity(Record):
    """Values of one column that look wrong. `text` says what they are, `advice` what to do.

    `first` and `last` are the numbers of the first and last such row, counted from 1.
    """

    kind: OddityKind
    column: str
    n_rows: int
    share: float
    first: int
    last: int
    text: str
    advice: str


class Conflicts(Record):
    """Rows that are equal in all that a model sees, and have different answers.

    `best` is what no model can go beyond on the `n_judged` rows: an accuracy, or for regression the least rmse. The
    inputs of each of the `n_groups` groups come `n_rows` times in all of them together.
    """

    n_judged: int
    n_groups: int
    n_rows: int
    metric: Literal["accuracy", "rmse"]
    best: float
    advice: str = ""


class Noise(Record):
    """What looks wrong in the rows, the surest first.

    `rows` is a Parquet file of examples: `oddity` (its number), `row` (counted from 1 among the checked rows), `value`
    and `others` (JSON: other columns of the row, shortened). `groups` is one of conflicting rows: `group`, `answer`,
    `n_rows` and `inputs` (JSON).
    """

    n_rows: int
    n_sampled: int
    """The rules were found in so many rows, evenly chosen; all rows were counted."""
    oddities: tuple[Oddity, ...] = ()
    conflicts: Conflicts | None = None
    rows: Blob | None = None
    groups: Blob | None = None


class LabelAudit(Record):
    """Answers in the data that the models, asked about rows they had not seen, contradict.

    `rows` is a Parquet file, the most doubtful first: `row` (counted from 1 among the checked rows), `given`, `likely`
    (the answer that the models hold for right), `confidence` (classification: the probability of the likely answer;
    regression: how many times the usual error apart), and the raw inputs.
    """

    n_judged: int
    n_rows: int
    text: str
    advice: str = ""
    rows: Blob | None = None
