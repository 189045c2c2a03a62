"""tune: which models, with which parameters, are worth training for good; resumable, and within a budget."""

from __future__ import annotations

import os
from typing import Self

from pydantic import Field, model_validator

from tasks.core.errors import DataError
from tasks.core.model_records import Candidates, Tuned
from tasks.core.records import CheckedSplits, Record
from tasks.core.step import step


class Tuning(Record):
    """How long to look for good parameters. It ends with the first of the two budgets."""

    seconds: float | None = Field(default=60, gt=0, description="for all trials and the final fits; null: no limit")
    trials: int | None = Field(default=20, gt=0, description="enough for all defaults and some search; null: no limit")
    seed: int = 0
    threads: int = Field(default_factory=lambda: os.cpu_count() or 1, gt=0, description="fits at once")

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.seconds is None and self.trials is None:
            raise ValueError("tuning needs an end: give seconds, trials or both")
        return self


@step
def tune(candidates: Candidates, splits: CheckedSplits, section: Tuning) -> Tuned:
    """The blend that answers best for rows which its models did not see, with all trials behind it.

    With `trials` alone the result is the same wherever and however often it was interrupted; where the seconds end
    it first, how far it came depends on the machine.
    """
    from tasks.learning import ensemble, tuning
    from tasks.learning.development import load

    data = load(splits.splits)
    search = tuning.Search(
        candidates, splits.splits, data, section.seconds, section.trials, section.seed, section.threads
    )
    stopped_by = search.run()
    finished = [(trial, trial.answers) for trial in search.trials if trial.answers is not None]
    if not finished:
        raise DataError(
            "No model could be fitted",
            expected="at least one family to cope with these data",
            found="; ".join(dict.fromkeys(f"{trial.family}: {trial.reason}" for trial in search.trials)),
            action="Look at the prepared columns with `keepfit show`",
        )
    weights, loss = ensemble.selected([answers for _, answers in finished], data.y[data.scored], candidates.metric)
    chosen = [(finished[index][0], weight) for index, weight in weights.items()]
    return tuning.tuned(search, chosen, loss, stopped_by)
