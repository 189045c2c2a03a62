"""The search over families and parameters: which trials were run, and which budget ended it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import polars as pl

from tasks.core import imports, metrics, progress, store
from tasks.core.model_records import Candidates, FamilyScore, Member, Tuned
from tasks.core.records import Splits
from tasks.core.step import PLUMBING, library_versions
from tasks.learning import search, trial
from tasks.learning.clock import Clock
from tasks.learning.development import Development, hashes
from tasks.learning.journal import Journal, Trial
from tasks.learning.profile import profile_of

StoppedBy = Literal["trials", "seconds"]
TOO_LONG = "it would take longer than there is time"
MOST_ANSWERS = 5_000_000
"""Probabilities that are kept of the rows' answers; with many classes, of evenly chosen rows."""


@dataclass
class Search:
    """One search: what it is about, its budgets, and the trials in the order of their numbers."""

    candidates: Candidates
    splits: Splits
    data: Development
    seconds: float | None
    most_trials: int | None
    seed: int
    threads: int
    trials: list[Trial] = field(default_factory=list)

    def run(self) -> StoppedBy:
        """Run what no earlier process has run, until a budget ends it; return which."""
        profile = profile_of(self.splits)
        journal = Journal(self._key())
        clock = Clock(self.seconds, journal.spent)
        plan = search.defaults([each.family for each in self.candidates.families if each.chosen], profile)
        while self.most_trials is None or (number := len(self.trials)) < self.most_trials:
            number = len(self.trials)
            planned = number < len(plan)
            proposal = plan[number] if planned else search.proposed(self.trials, profile, number, self.seed)
            if proposal is None:
                break
            family, asked = proposal
            known = journal.trial(number)
            if known is None and not clock.allows(self._expected(family, asked), self.trials, self.data):
                if not planned:
                    return "seconds"
                known = Trial(number, family, asked, asked, None, 0.0, "skipped", TOO_LONG)
            self.trials.append(known or self._attempted(number, family, asked, journal, clock))
        return "seconds" if any(each.state in ("skipped", "stopped") for each in self.trials) else "trials"

    def _attempted(self, number: int, family: str, asked: search.Point, journal: Journal, clock: Clock) -> Trial:
        def allowed(seconds: float) -> bool:
            journal.spend(clock.since_mark())
            return clock.allows(seconds, self.trials, self.data)

        progress.advance("tune", f"{family}, best so far {self._best()}", number, self.most_trials)
        found = trial.attempted(
            number, family, asked, self.data, self.candidates.metric, self.seed, self.threads, allowed
        )
        if found.state == "stopped":
            journal.spend(clock.since_mark())
        else:
            journal.add(found, clock.since_mark())
        return found

    def _expected(self, family: str, asked: search.Point) -> float:
        """Seconds that the family's next trial will take: by its last ones, or by a fit of a few rows."""
        took = [each.seconds for each in self.trials if each.family == family and each.loss is not None]
        if took or self.seconds is None:
            return max(took[-3:], default=0.0)
        return trial.probed(family, asked, self.data, self.seed, self.threads)

    def _best(self) -> str:
        losses = [each.loss for each in self.trials if each.loss is not None]
        return f"{score(self.candidates.metric, min(losses)):.4g}" if losses else "none"

    def _key(self) -> str:
        """The digest of all that a trial's result can depend on; the budgets and threads are not among it."""
        parts = {
            "candidates": self.candidates.model_dump(mode="json"),
            "splits": self.splits.model_dump(mode="json"),
            "seed": self.seed,
            "source": imports.closure_digest(__name__, PLUMBING),
            "libraries": library_versions(),
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def tuned(search: Search, chosen: Sequence[tuple[Trial, float]], loss: float, stopped_by: StoppedBy) -> Tuned:
    """The record of a search that is over."""
    metric = search.candidates.metric
    members = tuple(
        Member(family=each.family, params=_json(each.params), weight=weight, score=score(metric, each.loss or 0.0))
        for each, weight in chosen
    )
    return Tuned(
        metric=metric,
        members=members,
        score=score(metric, loss),
        leaderboard=_leaderboard(search.trials, metric),
        trials=store.put_table(_table(search.trials, metric)),
        answers=store.put_table(_answers(search, chosen)),
        n_trials=sum(each.state == "finished" for each in search.trials),
        stopped_by=stopped_by,
        n_folds=len(search.data.rounds),
    )


def score(metric: str, loss: float) -> float:
    """The metric's own value, of which greater may be better."""
    return -loss if metrics.measure(metric).greater_is_better else loss


def _leaderboard(trials: Sequence[Trial], metric: str) -> tuple[FamilyScore, ...]:
    rows: list[tuple[float, FamilyScore]] = []
    for family in dict.fromkeys(each.family for each in trials):
        ours = [each for each in trials if each.family == family]
        finished = [(each.loss, each.number, each) for each in ours if each.loss is not None]
        if finished:
            loss, _, best = min(finished)
            seconds = sum(each.seconds for each in ours)
            rows.append(
                (
                    loss,
                    FamilyScore(
                        family=family,
                        params=_json(best.params),
                        score=score(metric, loss),
                        n_trials=len(finished),
                        seconds=seconds,
                    ),
                )
            )
    return tuple(row for _, row in sorted(rows, key=lambda row: row[0]))


def _table(trials: Sequence[Trial], metric: str) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "number": [each.number for each in trials],
            "family": [each.family for each in trials],
            "params": [_json(each.params) for each in trials],
            "score": [None if each.loss is None else score(metric, each.loss) for each in trials],
            "seconds": [each.seconds for each in trials],
            "state": [each.state for each in trials],
            "reason": [each.reason for each in trials],
        },
        schema_overrides={"score": pl.Float64},
    )


def _answers(search: Search, chosen: Sequence[tuple[Trial, float]]) -> pl.DataFrame:
    """What the chosen trials answered together to the rows that judged them."""
    data = search.data
    total = np.zeros(())
    for each, weight in chosen:
        total = total + weight * (each.answers if each.answers is not None else np.zeros(()))
    of = slice(None, None, -(-total.size // MOST_ANSWERS))
    names = ["said"] if data.problem == "regression" else [f"p{place}" for place in range(data.n_outputs)]
    said = total.reshape(len(data.scored), -1)[of]
    return pl.DataFrame(
        {"__row__": hashes(search.splits)[data.scored][of], "given": data.y[data.scored][of]}
        | dict(zip(names, said.T, strict=True))
    )


def _json(params: search.Point) -> str:
    return json.dumps(params, sort_keys=True)
