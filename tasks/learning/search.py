"""Which trial comes next: a pure function of the trials so far, so that a resumed search goes the same way.

First every family's defaults, the strongest of each first. Then Optuna's tree-structured Parzen estimator
(Bergstra et al., 2011), for the family whose turn it is: the best ones have the most turns. The sampler is seeded by
the trial's number; a sampler whose state went on with the process would give a resumed search another model.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import TPESampler
from optuna.trial import FixedTrial, TrialState

from tasks.learning.journal import Trial
from tasks.models import FAMILIES
from tasks.models.family import Params, Profile

STARTUP_TRIALS = 5
"""Trials of a family, defaults included, before the estimator has enough to go by."""

Point = dict[str, Any]
Proposal = tuple[str, Point]


def defaults(families: Sequence[str], profile: Profile) -> list[Proposal]:
    """Every family's defaults: all the first ones, then all the second ones, and so on."""
    by_family = [[(name, dict(params)) for params in FAMILIES[name].defaults(profile)] for name in families]
    return [proposal for turn in zip_longest(*by_family) for proposal in turn if proposal is not None]


def proposed(trials: Sequence[Trial], profile: Profile, number: int, seed: int) -> Proposal | None:
    """Family and point of its space for the trial of that number; None when no family has anything to search."""
    name = _next_family(trials, profile)
    if name is None:
        return None
    seen = [trial.asked for trial in trials if trial.family == name]
    point: dict[str, Any] = {}
    for attempt in range(10):  # on a coarse space the estimator likes to say the same again
        point = _sampled(name, trials, profile, zlib.crc32(f"{seed}/{number}/{attempt}".encode()))
        if point not in seen:
            break
    return name, point


def _next_family(trials: Sequence[Trial], profile: Profile) -> str | None:
    """The family that is furthest behind its share: half of the turns for the best, a quarter for the next, …"""
    best: dict[str, float] = {}
    for trial in trials:
        if trial.loss is not None and trial.asked:  # the baseline has nothing to ask for
            best[trial.family] = min(trial.loss, best.get(trial.family, float("inf")))
    if not best:
        return None
    ranked = sorted(best, key=lambda name: (best[name], name))
    turns = {name: sum(trial.family == name for trial in trials) for name in ranked}
    total = sum(turns.values()) + 1
    shares = {name: 0.5 ** (rank + 1) for rank, name in enumerate(ranked)}
    return max(ranked, key=lambda name: shares[name] / sum(shares.values()) * total - turns[name])


def _sampled(name: str, trials: Sequence[Trial], profile: Profile, seed: int) -> dict[str, Any]:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=TPESampler(seed=seed, n_startup_trials=STARTUP_TRIALS))
    for trial in trials:
        if trial.family == name and trial.loss is not None:
            space = _space(name, trial.asked, profile)
            study.add_trial(
                optuna.create_trial(
                    state=TrialState.COMPLETE, params=trial.asked, distributions=space, value=trial.loss
                )
            )
    asked = study.ask()
    FAMILIES[name].search_space(asked, profile)
    return asked.params


def _space(name: str, point: Params, profile: Profile) -> dict[str, BaseDistribution]:
    fixed = FixedTrial(dict(point))
    FAMILIES[name].search_space(fixed, profile)
    return fixed.distributions
