"""What one project.yaml may say: the sections of the steps and plug-ins, put together; imported by flows alone."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from tasks.age import AgeSection
from tasks.batch_scoring.section import Score, Wanted
from tasks.check import Checking
from tasks.core import expectations, released, store
from tasks.core.choices import Choice, Names
from tasks.core.duplicates import Duplicates
from tasks.core.errors import UsageError
from tasks.core.expectations import Expectations
from tasks.core.model_records import Waits
from tasks.core.predictions.labelled import Labelled
from tasks.core.project_file import explained, project_file, read_yaml
from tasks.core.records import Claim, Record
from tasks.core.splits import GroupSplit, HashSplit, PredefinedSplit, Split, StratifiedSplit, TimeSplit
from tasks.core.targets import ProblemWish
from tasks.evaluate import EvaluationSection
from tasks.monitoring.section import Monitor
from tasks.outputs import File, Output
from tasks.placed import placed
from tasks.prepare import Preparation
from tasks.retraining.acceptance import Acceptance
from tasks.retraining.policy import Retrain, waits_for
from tasks.select_model import Models
from tasks.serving.section import Log, Serve
from tasks.sources import Source
from tasks.sources.joined import Joined
from tasks.train import Training
from tasks.tune import Tuning

STRICT = (("reject", 1.0), ("stop", 1.0))
"""Severity and share of an expectation that no row may break."""


class Budget(Record):
    """How much tuning may cost; it ends with the first of the two."""

    seconds: float | None = Field(default=60.0, gt=0)
    """Of tuning and the final fits. A minute is what people wait for."""
    trials: int | None = Field(default=20, gt=0)
    """Enough for every family's defaults and some search among the best; with trials alone a run is reproducible."""


class Project(BaseModel):
    """A project: a name, a source and a target; everything else has a default or is inferred from the data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,99}$")
    source: Annotated[Source | Joined, Field(discriminator="kind")]
    target: str = Field(min_length=1)
    problem: ProblemWish | None = None
    features: dict[str, str] = {}
    drop: Names = ()
    keep: Names = ()
    columns: dict[str, Choice] = {}
    metric: str | None = None
    split: Split = HashSplit()
    key: Names = ()
    duplicates: Duplicates = Duplicates()
    seed: int = 0
    budget: Budget = Budget()
    models: Models = Models()
    acceptance: Acceptance = Acceptance()
    serve: Serve = Serve()
    monitor: Monitor = Monitor()
    retrain: Retrain = Retrain()
    score: Score = Score()
    expectations_file: Path | None = Field(default=None, alias="expectations")

    _folder: Path = PrivateAttr(default=Path())

    def within(self, folder: Path) -> Project:
        """The project, knowing that it lives in this folder."""
        self._folder = folder
        return self

    @property
    def folder(self) -> Path:
        """The project's folder, absolute."""
        return self._folder

    @cached_property
    def expectations(self) -> Expectations:
        """What expectations.yaml beside project.yaml says, or the file that `expectations:` names."""
        file = self.folder / (self.expectations_file or "expectations.yaml")
        said = expectations.load(file) if self.expectations_file or file.exists() else Expectations()
        expectations.without_target(said.serving, self.target)
        # What a column says of the rows is no share that was asked for.
        asked = None if self.split.by == "column" else self.split
        shares = {"validation_share": asked and asked.validation, "test_share": asked and asked.test}
        return said.model_copy(update={"prepared": said.prepared.model_copy(update=shares)})

    @property
    def checking(self) -> Checking:
        said = {name: one.missing_values for name, one in self.columns.items() if one.missing_values is not None}
        let_through = released.load(self.folder / released.FILE)
        serving = self.expectations.serving
        return Checking(target=self.target, missing_values=said, released=let_through, serving=serving)

    @property
    def waits(self) -> Waits:
        """What a new model waits for before it serves, where another one does."""
        return waits_for(self.retrain, self.serve)

    @property
    def labelled(self) -> Labelled | None:
        """What makes rows of the source of answered rows; None where the project learns from its source alone."""
        if self.retrain.rows == "source":
            return None
        split = self.split
        demanded = [
            str(each.arguments["column"])
            for each in self.expectations.raw.expectations
            if each.type == "expect_column_values_to_not_be_null" and (each.severity, each.mostly) in STRICT
        ]
        groups = split.columns if isinstance(split, GroupSplit) else ()
        return Labelled(
            project=self.name,
            target=self.target,
            problem=self.problem,
            key=self.key,
            time=split.column if isinstance(split, TimeSplit) else None,
            part=split.column if isinstance(split, PredefinedSplit) else None,
            needed=(*groups, *(name for name in demanded if name not in (self.target, *self.key, *groups))),
            unplaced=isinstance(split, StratifiedSplit),
        )

    @property
    def rules(self) -> tuple[Claim, ...]:
        """What a row must hold to be answered."""
        said = self.expectations
        serving = said.serving or expectations.serving_of(said.raw, self.target)
        return tuple(
            Claim(type=each.type, arguments=each.arguments, severity=each.severity, reason=each.reason)
            for each in serving.expectations
        )

    @property
    def preparation(self) -> Preparation:
        return Preparation(
            target=self.target,
            problem=self.problem,
            features=self.features,
            drop=self.drop,
            keep=self.keep,
            columns=self.columns,
            split=self.split,
            seed=self.seed,
            key=self.key,
            duplicates=self.duplicates,
            time=self.monitor.time,
        )

    @property
    def selection(self) -> Models:
        return self.models.model_copy(update={"metric": self.metric}) if self.metric else self.models

    @property
    def tuning(self) -> Tuning:
        return Tuning(seconds=self.budget.seconds, trials=self.budget.trials, seed=self.seed)

    @property
    def training(self) -> Training:
        return Training(seed=self.seed, rules=self.rules)

    @property
    def ageing(self) -> AgeSection:
        return AgeSection(every=self.retrain.every, time=self.monitor.time, seconds=self.budget.seconds, seed=self.seed)

    @property
    def evaluation(self) -> EvaluationSection:
        return EvaluationSection(seed=self.seed)

    @property
    def watching(self) -> tuple[Monitor, Log]:
        """What decides which columns can be watched, and how closely."""
        return self.monitor, self.serve.log

    def scoring(self, source: Source | None, output: Output | None, log: bool | None) -> Wanted:
        """What is to be scored: as it is said here, or in `score:`, or else the project's own source, into the home."""
        said = self.score
        here = File(path=str(store.home_of(self.folder) / "scores" / self.name))
        log = said.log if log is None else log
        if log and self.serve.log.keep == "off":
            raise UsageError(
                f"The rows of {self.name} cannot be logged",
                found="`serve: {log: off}` in project.yaml",
                action="Change it, or score without `log`",
            )
        return Wanted(source=source or said.source or self.source, output=output or said.output or here, log=log)

    def with_budget(self, seconds: float | None, trials: int | None) -> Project:
        """The project with another budget; trials alone lift the limit in seconds, so that the run is reproducible."""
        if seconds is None and trials is None:
            return self
        for name, value in (("seconds", seconds), ("trials", trials)):
            if value is not None and not value > 0:
                raise UsageError(f"The budget of {value:g} {name}", expected="more than 0")
        return self.model_copy(update={"budget": Budget(seconds=seconds, trials=trials)})


def load_project(folder: Path) -> Project:
    """The project in the folder (or of its project.yaml); ProjectError when the file says what cannot be."""
    file = project_file(folder)
    said = read_yaml(file)
    try:
        project = Project.model_validate(placed(said, file.parent))
    except ValidationError as exc:
        raise explained(exc, file, Project) from exc
    return project.within(file.parent)
