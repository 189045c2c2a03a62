"""select_model: which model families are worth trying on these data, each with the reason."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from tasks.core import metrics
from tasks.core.errors import ProjectError
from tasks.core.model_records import Candidates
from tasks.core.records import CheckedSplits, Record
from tasks.core.step import step
from tasks.learning.profile import profile_of
from tasks.models import FAMILIES, FamilyName


class Models(Record):
    """Which families may be tried. `models: [linear, boosting]` in project.yaml says it in one line."""

    use: tuple[FamilyName, ...] = Field(default=(), description="only these families; empty: all that suit the data")
    exclude: tuple[FamilyName, ...] = Field(default=(), description="none of these families")
    metric: str | None = Field(default=None, description="the metric that decides; by default log_loss or rmse")

    @model_validator(mode="before")
    @classmethod
    def _from_names(cls, said: Any) -> Any:
        return {"use": said} if isinstance(said, (list, tuple)) else said


@step
def select_model(splits: CheckedSplits, models: Models) -> Candidates:
    """The families to try, and those passed over, each with its reason. The baseline is always among them."""
    target = splits.splits.target
    metric = models.metric or metrics.default_metric(target.problem)
    if target.problem not in metrics.measure(metric).problems:
        fitting = ", ".join(name for name, known in metrics.METRICS.items() if target.problem in known.problems)
        raise ProjectError(
            f"Metric {metric!r} for the {target.problem} of {target.name!r}",
            expected=f"one of {fitting}",
            action="Change `metric` in project.yaml",
        )
    profile = profile_of(splits.splits)
    families = []
    for name, family in FAMILIES.items():
        candidate = family.suits(profile)
        if name != "baseline" and (name in models.exclude or (models.use and name not in models.use)):
            candidate = candidate.model_copy(update={"chosen": False, "reason": "the project leaves it out"})
        elif name in models.use:
            candidate = candidate.model_copy(update={"chosen": True, "reason": "the project names it"})
        families.append(candidate)
    return Candidates(problem=target.problem, metric=metric, families=tuple(families))
