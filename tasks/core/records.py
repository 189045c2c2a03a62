"""The records that travel between the steps: small, frozen, equal when their content is equal.

Data stay in the store (`core/store.py`) as files named by their SHA-256; a record holds the `Blob`s that name
them. No record holds a run id, a time or an absolute path, or nothing would ever equal yesterday's.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue

Problem = Literal["binary", "multiclass", "regression"]
ColumnType = Literal["number", "integer", "boolean", "text", "date", "binary", "image", "sound"]
FeatureKind = Literal[
    "number", "boolean", "category", "date", "text", "sentences", "image", "sound", "component", "cycle"
]
Reading = Literal["category", "text", "sentences"]
"""What a project may say that a column is to be read as."""
Missing = Literal["native", "median", "mean", "most_frequent", "constant", "model"]
"""What stands for a missing value: `native` leaves it to the model; each of the others comes with an indicator."""
Scale = Literal["none", "standard", "robust", "quantile", "power"]
Encode = Literal["one_hot", "ordinal", "target", "hash"]
Cycle = Literal["year", "week", "day"]
BYTES: tuple[ColumnType, ...] = ("binary", "image", "sound")
"""The types of columns that are held as bytes."""
Severity = Literal["reject", "stop", "warn"]


def is_provenance(column: str) -> bool:
    """Whether a column, like `__file__`, says where a row comes from: it is shown to people, and is never an input."""
    return column.startswith("__") and column.endswith("__")


class Record(BaseModel):
    """Base of all records: frozen, and nothing but what is declared."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Blob(Record):
    """One file in the store. `digest` is the SHA-256 of its bytes in hex, `suffix` like `.parquet`."""

    digest: str
    suffix: str
    size: int


class Part(Record):
    """One Parquet file of a data set."""

    blob: Blob
    n_rows: int


class Column(Record):
    """A column as it was found: its type and how many values are missing; an `identifier` names rows or groups,
    a `personal` one holds what belongs to people.

    `missing_values` are the values, as text, that stand for a missing one in it, like `?` and `-999`.
    """

    name: str
    type: ColumnType
    n_missing: int
    identifier: bool = False
    personal: bool = False
    missing_values: tuple[str, ...] = ()


class Rejected(Record):
    """What a source could not make rows of: how many items, how many for which reason (the commonest first).

    `rows` is a Parquet file of `where` it was found, the `reason`, and its `content` as bytes.
    """

    n_rows: int
    reasons: tuple[tuple[str, int], ...]
    rows: Blob


class Note(Record):
    """Something that preparation did or saw: what, on which column, for how many rows."""

    kind: Literal["dropped_column", "duplicates", "noise", "split", "type", "missing", "hazard", "personal", "labelled"]
    column: str | None
    n_rows: int
    text: str


class Dataset(Record):
    """Rows in the store, in order. `digest` is over the parts' digests, so equal rows are equal data sets."""

    name: str
    parts: tuple[Part, ...]
    digest: str
    n_rows: int
    columns: tuple[Column, ...]
    rejected: Rejected | None = None
    notes: tuple[Note, ...] = ()
    """What the source tells of the rows."""


class FailedExpectation(Record):
    """An expectation that did not hold: on what, how often, and examples of what was found instead.

    `claim` is what it says; the reasons of quarantined rows begin with it.
    """

    expectation: str
    column: str | None
    n_rows: int
    examples: tuple[str, ...]
    reason: str
    severity: Severity = "stop"
    claim: str = ""


class QualityReport(Record):
    """What a suite of expectations found. `quarantined` holds the rows that broke it, with a `reason` column.

    `rejected` is what the source could make no rows of; it counts among `n_quarantined`.
    """

    suite: str
    n_rows: int
    evaluated: int
    failed: tuple[FailedExpectation, ...]
    n_quarantined: int
    quarantined: Blob | None
    rejected: Rejected | None = None
    proven: tuple[str, ...] = ()
    """What was found to hold, in sentences with figures."""


class CheckedDataset(Record):
    """A data set whose rows all hold the expectations: what `prepare` accepts, and nothing else is."""

    dataset: Dataset
    report: QualityReport


class Treatment(Record):
    """How the values of one feature are made ready for a model, and why.

    What is inferred reaches the families alone that need finite, scaled numbers; what the project `said` of these
    (missing, scale, encode) reaches every family. `encode` None: by the number of levels. `cycles` are those of which
    a date covers more than one: a model gets the place in each of them, and without `trend` nothing else of the date.
    """

    missing: Missing = "median"
    fill: float = 0.0
    """The value of `missing: constant`, as it is in the matrix."""
    scale: Scale = "standard"
    encode: Encode | None = None
    buckets: int = 0
    """Of `encode: hash`: each value falls into one of so many, known or not; every family gets the target's means."""
    cycles: tuple[Cycle, ...] = ()
    trend: bool = True
    said: tuple[str, ...] = ()
    reason: str = ""


class Feature(Record):
    """What a model sees of one column: `width` columns of its input matrix, one but for texts, images and sounds.

    `levels` are a category's known values, commonest first: value i is code i, an unknown value is -1, a missing
    one NaN. `settings` (JSON) say how a modality views the values. `expression` is set for a declared feature.
    `reason` says why the feature is of this kind. A `component` is what a modality's front made: finite and scaled;
    a `cycle` the place in a year, a week or a day, from 0 to 1.
    """

    name: str
    kind: FeatureKind
    width: int = 1
    settings: str = ""
    levels: tuple[str, ...] = ()
    expression: str | None = None
    reason: str = ""
    treatment: Treatment = Treatment()

    @property
    def n_codes(self) -> int:
        """How many known values a category has: its levels, or the buckets that values fall into."""
        return self.treatment.buckets or len(self.levels)


class Target(Record):
    """What is predicted. `classes` are in the order of the model's probabilities; empty for regression.

    `positive` is the class that precision, recall, F1 and ROC AUC speak of in a binary problem (the last class).
    """

    name: str
    problem: Problem
    classes: tuple[str, ...] = ()
    reason: str = ""

    @property
    def positive(self) -> str | None:
        return self.classes[-1] if self.problem == "binary" else None


class Splits(Record):
    """Rows for training, for choosing, and for the last judgement, with what the model will see of them.

    The Parquet columns of each split: the raw input columns, the declared features, the target, `__row__` (the
    stable hash of the row, uint64) and `__fold__` (uint8: the cross-validation fold of a training row, 128 more
    where the row lies within the gap before the next one). Where rows belong together there is `__group__` (uint64):
    rows of one group, one key, or nearly equal ones.
    """

    train: Dataset
    validation: Dataset
    test: Dataset
    inputs: tuple[Column, ...]
    features: tuple[Feature, ...]
    target: Target
    notes: tuple[Note, ...]
    time_column: str | None = None
    time_gap: float | str | None = None
    """What must lie between training, validation and test: a span such as `7d`, or a number as the times are."""
    together: tuple[tuple[str, ...], ...] = ()
    """Columns of which equal values are in one split alone: those of the groups, and those of the key."""
    near: tuple[str, ...] = ()
    """The columns by which nearly equal rows are kept together."""
    row_rule: str = ""
    """What `__row__` is made of, as JSON: only then are equal hashes equal rows."""
    rule: str = ""
    """How the rows were split, as JSON: only models of the same rule have seen none of the same test rows."""


class CheckedSplits(Record):
    """Splits whose prepared rows hold their expectations: what `select_model` accepts."""

    splits: Splits
    reports: tuple[QualityReport, ...]


class Claim(Record):
    """An expectation of single rows, in Great Expectations' own name and arguments, that a model's requests must hold.

    A row that breaks one of severity `reject` has no answer; of `warn`, the answer says so.
    """

    type: str
    arguments: dict[str, JsonValue]
    severity: Severity
    reason: str = ""
