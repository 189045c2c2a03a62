"""What the commands print that make, look at and train a project."""

from __future__ import annotations

from typing import Any, Literal

from flows.printed.parts import Model, without
from tasks.core.appraisal import Appraisal
from tasks.core.model_records import Candidate
from tasks.core.noise import LabelAudit, Noise
from tasks.core.records import ColumnType, Feature, Note, Record, Target
from tasks.replaying.records import Replay
from tasks.replaying.walk import Outcome

Section = Literal["raw", "prepared", "serving"]


class ShownNoise(without(Noise, "rows", "groups")):
    """What looks wrong in the rows, the surest first."""


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


class TestMetrics(Record):
    """Each metric on the test rows, with its 95 % interval."""

    test: dict[str, float]
    test_intervals: dict[str, tuple[float, float]]


class ShownLabels(without(LabelAudit, "rows")):
    """Answers in the data that the models contradict; `rows` is a Parquet file."""

    rows: str | None


class Train(Record):
    """What came of a training. `champion` is the version that serves now, `waits` why an accepted model does not;
    `cached` are steps that were remembered, `steps` the seconds of each."""

    project: str
    run_id: str
    flow_run_id: str
    accepted: bool
    reasons: tuple[str, ...]
    metrics: TestMetrics
    noise: ShownNoise
    labels: ShownLabels
    model: Model
    champion: str | None
    waits: str | None
    seconds: float
    cached: tuple[str, ...]
    steps: dict[str, float]
    report: str
    mlflow: str
    prefect: str


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


class ShownAppraisal(without(Appraisal)):
    """How good the data are, the worst criterion, and what to do first."""

    worst: str
    advice: str


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
    proven: dict[str, tuple[str, ...]]
    appraisal: ShownAppraisal
    noise: ShownNoise


class ExpectationState(Record):
    """How an expectation stands to the data; `held` is null where it could not be asked."""

    section: Section
    claim: str
    severity: str
    held: bool | None
    found: str


class ExpectationChange(Record):
    """A change that today's data suggest."""

    number: int
    section: Section
    diff: tuple[str, ...]
    why: str


class Expectations(Record):
    """`expectations`, or with --update `changes` and the numbers of those that were written."""

    project: str
    expectations: tuple[ExpectationState, ...] = ()
    changes: tuple[ExpectationChange, ...] = ()
    accepted: tuple[int, ...] = ()


class Rule(Record):
    """A rule that rows broke."""

    rule: str
    expected: str
    n_rows: int
    found: tuple[Any, ...]
    can_be_released: bool


class HeldRow(Record):
    """A row that is held back."""

    row: str
    number: int
    reason: str
    values: dict[str, Any]


class Item(Record):
    """What was no row."""

    where: str
    reason: str


class LeftOut(Record):
    """What of the source was no row."""

    n_items: int
    items: tuple[Item, ...]


class Quarantine(Record):
    """The rows that the newest check held back, and what was exported or released of them."""

    project: str
    n_rows: int
    stopped: str | None
    n_quarantined: int
    rules: tuple[Rule, ...]
    rows: tuple[HeldRow, ...]
    left_out: LeftOut
    exported: str = ""
    n_exported: int = 0
    n_released: int = 0
    released_in: str = ""
    n_not_released: int = 0
    why_not: tuple[str, ...] = ()


class ReplayedPolicy(without(Outcome, "name")):
    """What a policy made of the history; `scores` are those of its windows."""

    scores: tuple[float | None, ...]


class Replayed(without(Replay, "policies")):
    """The policies by name, and what the recommended one changes in project.yaml."""

    policies: dict[str, ReplayedPolicy]
    report: str
    diff: tuple[str, ...]
    applied: bool
