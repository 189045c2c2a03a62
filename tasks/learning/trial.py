"""One trial: a parameter set fitted in every round, and judged by the answers to all scored rows together."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import numpy as np

from tasks.core import metrics
from tasks.learning.answered import all_classes, certain
from tasks.learning.development import Development, Round
from tasks.learning.journal import Trial
from tasks.learning.parallel import heard, in_parallel, one_thread
from tasks.models import FAMILIES
from tasks.models.family import Family, Params

PROBED_ROWS = (8_000, 40_000)
PROBED_FROM = 60_000

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
    most = max(answered, key=len)
    # A round of a single class has one answer, whatever the parameters.
    alike = [each if len(each) == len(most) else each * len(most) for each in answered]
    for (params, _), same in zip(most, zip(*alike, strict=True), strict=True):
        answers = np.concatenate([each for _, each in same])
        loss = metrics.loss(metric, y, answers)
        if best is None or loss < best[1]:
            best = (params, loss, answers)
    if best is None or not np.isfinite(best[1]):
        raise ArithmeticError("its answers are not finite numbers")
    return best


def _round(family: Family, params: Params, data: Development, turn: Round, seed: int) -> Variants:
    y, y_score = data.y[turn.fit], data.y[turn.score]
    if (known := certain(y, len(y_score), data)) is not None:
        return [(params, known)]
    seen = data.seen(family.wants, turn.fit, seed)
    x, x_score = seen.x[turn.fit], seen.x[turn.score]
    estimator = family.estimator(data.problem, seen.features, params, seed)
    model = family.fit(estimator, x, y, held_out=(x_score, y_score), patience=PATIENCE)
    return [(each, all_classes(model, answers, data)) for each, answers in family.variants(model, x_score, params)]


def probed(name: str, params: Params, data: Development, seed: int, threads: int) -> float:
    """The seconds that a trial will take, foreseen by short fits of some rows; 0 where there are few anyway."""
    fitted_rows = [len(turn.fit) for turn in data.rounds]
    if fitted_rows[-1] < PROBED_FROM:
        return 0.0
    short, longer, times = FAMILIES[name].glimpses(params)

    def cpu_seconds(params: Params, n_rows: int) -> float:
        last = data.rounds[-1]
        some = Round(last.fit[:n_rows], last.score[:n_rows])
        started = time.thread_time()
        with heard(), one_thread(), suppress(Exception):  # if it fails, the trial itself will say so
            _round(FAMILIES[name], params, data, some, seed)
        return time.thread_time() - started

    started, cpu_started = time.monotonic(), time.thread_time()
    took: list[float] = []
    for n_rows in PROBED_ROWS:
        took.append(cpu_seconds(short, n_rows))
        if times:
            took[-1] += times * max(0.0, cpu_seconds(longer, n_rows) - took[-1])
    # A part of the time does not grow with the rows, hence a line through two points.
    a_row = max(0.0, took[1] - took[0]) / (PROBED_ROWS[1] - PROBED_ROWS[0])
    whole = sum(took[0] + a_row * (n_rows - PROBED_ROWS[0]) for n_rows in fitted_rows)
    # Short times are exact in CPU seconds alone; how much of a core there is to have shows over all of them.
    share = (time.thread_time() - cpu_started) / (time.monotonic() - started)
    return whole / share / min(threads, len(fitted_rows))
