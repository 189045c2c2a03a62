"""One trial: a parameter set fitted in every round, and judged by the answers to all scored rows together."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np

from tasks.core import metrics
from tasks.learning.development import Development, Round
from tasks.learning.journal import Trial
from tasks.learning.parallel import heard, in_parallel, one_thread
from tasks.models import FAMILIES
from tasks.models.family import Family, Params

PROBED_ROWS = 2_000

PATIENCE = 25
"""Iterations without gain on the scored rows before a fold of a stepwise learner ends."""

Variants = list[tuple[Params, np.ndarray]]
Allowed = Callable[[float], bool]


def attempted(
    number: int, name: str, asked: Params, data: Development, metric: str, seed: int, threads: int, allowed: Allowed
) -> Trial:
    """The trial, whatever came of it: finished, failed on these data, or stopped because `allowed` said so.

    `allowed` is asked between rounds with the seconds that the rest will take.
    """
    started = time.monotonic()
    begun = partial(Trial, number, name, dict(asked))
    with heard() as warned:
        try:
            params, loss, answers = _judged(FAMILIES[name], asked, data, metric, seed, threads, allowed)
        except Exception as failure:  # whatever a library throws: the other trials go on
            state = "stopped" if isinstance(failure, OutOfTime) else "failed"
            seconds = time.monotonic() - started
            reason = f"{type(failure).__name__}: {failure}".splitlines()[0]
            return begun(dict(asked), None, seconds, state, reason)
    return begun(dict(params), loss, time.monotonic() - started, "finished", "; ".join(warned), answers)


class OutOfTime(Exception):
    """The rounds that are left would not fit into the budget."""


def _judged(
    family: Family, asked: Params, data: Development, metric: str, seed: int, threads: int, allowed: Allowed
) -> tuple[Params, float, np.ndarray]:
    with one_thread():
        rounds = [partial(_round, family, asked, data, turn, seed) for turn in data.rounds]
        answered: list[Variants] = []
        started = time.monotonic()
        for results in in_parallel(rounds, threads):
            answered += results
            left = len(rounds) - len(answered)
            if left and not allowed((time.monotonic() - started) * left / len(answered)):
                raise OutOfTime(f"stopped after {len(answered)} of {len(rounds)} fits, the rest would take too long")
    y = data.y[data.scored]
    best: tuple[Params, float, np.ndarray] | None = None
    for same in zip(*answered, strict=True):
        answers = np.concatenate([each for _, each in same])
        loss = metrics.loss(metric, y, answers)
        if best is None or loss < best[1]:
            best = (same[0][0], loss, answers)
    if best is None or not np.isfinite(best[1]):
        raise ArithmeticError("its answers are not finite numbers")
    return best


def _round(family: Family, params: Params, data: Development, turn: Round, seed: int) -> Variants:
    x, y = data.x[turn.fit], data.y[turn.fit]
    x_score, y_score = data.x[turn.score], data.y[turn.score]
    if data.problem != "regression" and len(np.unique(y)) == 1:
        # Of a rare class these rows may have none, and most learners refuse a single class.
        certain = np.zeros((len(x_score), data.n_outputs))
        certain[:, int(y[0])] = 1.0
        return [(params, certain)]
    estimator = family.estimator(data.problem, data.features, params, seed)
    model = family.fit(estimator, x, y, held_out=(x_score, y_score), patience=PATIENCE)
    return [(each, _all_classes(model, answers, data)) for each, answers in family.variants(model, x_score, params)]


def _all_classes(model: Any, answers: np.ndarray, data: Development) -> np.ndarray:
    """The answers with a column for each class, also for those that the model's rows had none of."""
    if data.problem == "regression" or answers.shape[1] == data.n_outputs:
        return answers
    full = np.zeros((len(answers), data.n_outputs))
    full[:, model.classes_.astype(int)] = answers
    return full


def probed(name: str, params: Params, data: Development, seed: int, threads: int) -> float:
    """The seconds that a trial will take, judged by one fit of a few rows; 0 when the data are few anyway."""
    fitted_rows = sum(len(turn.fit) for turn in data.rounds)
    if len(data.rounds[-1].fit) < 5 * PROBED_ROWS:
        return 0.0
    started = time.monotonic()
    few = Round(data.rounds[-1].fit[:PROBED_ROWS], data.rounds[-1].score[:PROBED_ROWS])
    with heard(), one_thread(), suppress(Exception):  # if it fails, the trial itself will say so
        _round(FAMILIES[name], params, data, few, seed)
    side_by_side = min(threads, len(data.rounds))
    return (time.monotonic() - started) * fitted_rows / PROBED_ROWS / side_by_side
