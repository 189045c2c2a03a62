"""What the commands print that make a project and look at its data."""

from __future__ import annotations

from typing import Any

from flows.printed.ageing import ShownAgeing
from flows.printed.training import ShownNoise, Train
from tasks.core.appraisal import Appraisal, Association, Criterion, Distance
from tasks.core.model_records import Candidate
from tasks.core.records import ColumnType, Feature, Note, Record, Splits, Target


class NewColumn(Record):
    """A column of the data."""

    name: str
    type: ColumnType
    n_missing: int


class Counts(Record):
    """How many expectations were written."""

    raw: int
    prepared: int
    serving: int


class New(Record):
    """A new project; `training` where it was trained at once."""

    project: str
    files: tuple[str, str]
    n_rows: int
    columns: tuple[NewColumn, ...]
    target: str
    expectations: Counts
    training: Train | None = None


class Rows(Record):
    """Rows of each split."""

    train: int
    validation: int
    test: int

    @classmethod
    def of(cls, splits: Splits) -> Rows:
        """How many there are."""
        return cls(train=splits.train.n_rows, validation=splits.validation.n_rows, test=splits.test.n_rows)

    @property
    def words(self) -> str:
        """The same for a person: train 724, validation 159, test 278."""
        return f"train {self.train:,}, validation {self.validation:,}, test {self.test:,}"


class Prepare(Record):
    """What was written."""

    project: str
    output: str
    rows: Rows
    columns: int
    target: str


class Data(Record):
    """The checked rows."""

    look: str
    n_rows: int
    digest: str
    quarantined: int


class ShownAppraisal(Record):
    """How good the data are, the worst criterion, and what to do first."""

    criteria: tuple[Criterion, ...]
    associations: tuple[Association, ...]
    distances: tuple[Distance, ...]
    n_rows_seen: int
    n_columns: int
    worst: str
    advice: str

    @classmethod
    def of(cls, appraisal: Appraisal) -> ShownAppraisal:
        """The appraisal, with what follows from it."""
        return cls(**dict(appraisal), worst=appraisal.worst.name, advice=appraisal.advice)


class Show(Record):
    """The configuration, said and inferred. `configuration` has the keys of project.yaml."""

    project: str
    configuration: dict[str, Any]
    data: Data
    target: Target
    metric: str
    features: tuple[Feature, ...]
    notes: tuple[Note, ...]
    splits: Rows
    candidates: tuple[Candidate, ...]
    ageing: ShownAgeing | None
    """The champion's; null before the first training."""
    proven: dict[str, tuple[str, ...]]
    appraisal: ShownAppraisal
    noise: ShownNoise
