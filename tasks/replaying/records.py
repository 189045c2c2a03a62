"""What a replay found: the policies' outcomes on the same rows, how models age, and what is recommended."""

from __future__ import annotations

from datetime import datetime

from tasks.core.age_curve import AgeCurve
from tasks.core.records import Record
from tasks.replaying.walk import Outcome
from tasks.retraining.policy import Retrain


class Recommended(Record):
    """A setting of `retrain:` and why it; equal to the project's where nothing is better."""

    retrain: Retrain
    sentence: str


class Replay(Record):
    """All policies on the same windows. `first` is the age curve inside the first training, `ages` that of all models.

    `n_fitted` models were fitted for it, `n_recalled` were there from before; `seconds` are those of a clock.
    """

    project: str
    metric: str
    greater_is_better: bool
    start: datetime
    end: datetime
    every: str
    label_delay: str
    n_rows: int
    late_classes: dict[str, int]
    """Classes of which the first row came after the start, each with its rows: they are left out."""
    n_windows: int
    model: str
    retrain: Retrain
    """The policy that was replayed."""
    policies: tuple[Outcome, ...]
    first: AgeCurve | None
    ages: AgeCurve
    recommended: Recommended
    n_fitted: int
    n_recalled: int
    seconds: float

    def policy(self, name: str) -> Outcome:
        """The outcome of the policy of that name."""
        return next(each for each in self.policies if each.name == name)
