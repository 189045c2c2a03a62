"""The records of models: what was chosen, tuned, trained, judged and deployed, and the card that a model carries."""

from __future__ import annotations

from typing import Literal

from tasks.core.errors import ProjectError
from tasks.core.records import Blob, Claim, Column, Feature, Problem, Record, Target

Waits = Literal["", "shadow", "canary", "by hand"]
"""Requests that a model answers beside the champion, or a person."""


class Candidate(Record):
    """A model family that will be tried, or was passed over, and why."""

    family: str
    chosen: bool
    reason: str


class Candidates(Record):
    """Which families will be tried on this problem, and the metric that decides."""

    problem: Problem
    metric: str
    families: tuple[Candidate, ...]


class Member(Record):
    """One model of the ensemble that won: its family, parameters (JSON), weight and cross-validated score."""

    family: str
    params: str
    weight: float
    score: float


class FamilyScore(Record):
    """The best that a family reached in tuning, for the leaderboard; `seconds` is over all its trials."""

    family: str
    params: str
    score: float
    n_trials: int
    seconds: float


class Tuned(Record):
    """What tuning chose. `trials` is a Parquet table: number, family, params (JSON), score, seconds, state.

    `answers` is one of what the chosen members, together, answered to rows that they had not seen: `__row__`, `given`
    (the target: the class's place, or the value), and `said` or one `p<place>` a class.

    Seconds are never the same twice, so the next step is given the `members` or the `answers` alone.
    """

    metric: str
    members: tuple[Member, ...]
    score: float
    leaderboard: tuple[FamilyScore, ...]
    trials: Blob
    answers: Blob | None = None
    n_trials: int
    stopped_by: Literal["trials", "seconds"]
    n_folds: int


class Importance(Record):
    """By how much the metric gets worse when a feature is shuffled among the validation rows."""

    feature: str
    value: float


class TrainedModel(Record):
    """The model of record: one ONNX file that carries its card; serving needs nothing else.

    `parity` is a Parquet file of rows (real, missing, unseen, extreme) with what the fitted Python model answered.
    `curves` is a Parquet file: member, family, iteration, set (train or validation), loss.
    `proxy`, where rows are split by time, is the same recipe without the newest rows: it is judged on them, and the
    model that serves knows them.
    """

    artifact: Blob
    digest: str
    parity: Blob
    curves: Blob | None
    members: tuple[Member, ...]
    importances: tuple[Importance, ...]
    proxy: Blob | None = None


class Verification(Record):
    """What a fresh process made of the exported model: the largest difference to the fitted one over so many rows."""

    n_rows: int
    largest_difference: float


class Champion(Record):
    """The model that serves now, as the registry knows it; a correction with the trained model that it corrects."""

    version: str
    artifact: Blob
    base: Champion | None = None

    @property
    def trained(self) -> Champion:
        """What a training made of it: it is what gains are measured of, what is watched and what others must beat."""
        return self.base or self


class Metric(Record):
    """A figure on unseen rows with its 95 % bootstrap interval."""

    name: str
    value: float
    low: float
    high: float
    greater_is_better: bool


class ClassMetrics(Record):
    """Precision, recall and F1 of one class, over the `n_rows` test rows that are of it."""

    name: str
    n_rows: int
    precision: float
    recall: float
    f1: float


class Slice(Record):
    """The deciding metric on the test rows where `feature` is `value`.

    The 95 % bounds hold for all slices that were looked at together (Bonferroni): of a hundred slices, five would
    look bad by chance.
    """

    feature: str
    value: str
    n_rows: int
    score: float
    low: float
    high: float


class Comparison(Record):
    """The new model against another on the same test rows: `gain` > 0 means that the new one is better.

    `low` and `high` bound the gain in the deciding metric with 95 % confidence (paired bootstrap over rows, or over
    `n_blocks` blocks of time: the rows of a day are not independent).
    """

    against: str
    metric: str
    ours: float
    theirs: float
    gain: float
    low: float
    high: float
    n_rows: int = 0
    n_blocks: int = 0


class Evaluation(Record):
    """How the model did on the test rows, which no step saw before.

    `slices` are the worst of the `n_slices` looked at. `notes` say what was left out and why, `incomparable` why
    the champion could not be asked about these rows. `record`, where what was judged is a proxy, is the model that is
    to serve against the champion on the test rows that are new to the champion: the model knows them, so that one which
    is worse on them is broken. `predictions` is a Parquet file of the test rows: `__row__`,
    `target`, `prediction`, and one `p_<class>` a class.
    """

    metric: str
    n_rows: int
    metrics: tuple[Metric, ...]
    classes: tuple[ClassMetrics, ...]
    confusion: tuple[tuple[int, ...], ...]
    slices: tuple[Slice, ...]
    n_slices: int = 0
    baseline: Comparison
    champion: Comparison | None
    record: Comparison | None = None
    incomparable: str = ""
    notes: tuple[str, ...] = ()
    predictions: Blob

    def metric_named(self, name: str) -> Metric:
        """The figure of that name."""
        for metric in self.metrics:
            if metric.name == name:
                return metric
        raise ProjectError(
            f"The metric {name!r} was not computed for this problem",
            expected=f"one of {', '.join(metric.name for metric in self.metrics)}",
            action="Name one of these under acceptance in project.yaml",
        )


class Deployment(Record):
    """The gates' decision. `version` is the registered version, `previous` the champion before."""

    project: str
    accepted: bool
    reasons: tuple[str, ...]
    version: str
    digest: str
    previous: str | None
    waits: Waits = ""
    """For what it waits as the challenger before it serves, if it was accepted."""


class Report(Record):
    """The page that tells the whole run, as one self-contained HTML file."""

    page: Blob


class Corrects(Record):
    """The trained model that a correction was made for, and the `n_rows` newest labelled rows that taught it."""

    version: str
    digest: str
    until: str
    """The end of these rows (ISO, UTC)."""
    n_rows: int


class ModelCard(Record):
    """What a host must know to ask the model, carried inside the ONNX file as metadata `keepfit`.

    `inputs` are the raw columns a caller sends; `features` fill the columns of the float64 matrix X, in order. For
    `sample` see the parity rows. `threshold` is the probability from which a binary answer is the positive class.
    """

    project: str
    target: Target
    metric: str
    inputs: tuple[Column, ...]
    features: tuple[Feature, ...]
    threshold: float = 0.5
    members: tuple[Member, ...]
    data_digest: str
    split_rule: str = ""
    seen: Blob | None = None
    """The `__row__` of each row that it was fitted on, sorted, as little-endian 64-bit numbers."""
    seen_by: str = ""
    """What these are made of (`Splits.row_rule`)."""
    seen_until: float | None = None
    """The newest time among them, where rows are split by time."""
    proxy: Blob | None = None
    """What was judged in its place (`TrainedModel.proxy`)."""
    sample: tuple[str, ...]
    """A few training rows as JSON objects of the raw inputs: for examples, and for the check before it serves."""
    expectations: tuple[Claim, ...] = ()
    """What each row must hold to be answered."""
    corrects: Corrects | None = None
    """Of a correction: all else on the card is the corrected model's."""
