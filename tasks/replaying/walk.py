"""A history lived through under a policy, which says at the start of each window whether to train."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np

from tasks.core import metrics
from tasks.core.records import Record
from tasks.replaying.fits import Fits
from tasks.replaying.gating import gate
from tasks.replaying.history import Window
from tasks.retraining import correction
from tasks.retraining.correction import Correction, Floats
from tasks.retraining.gate import Judged

JUDGED_WINDOWS = 4
"""After a training that evidence asked for: a model that was no better over them was a false alarm."""


class Trained(Record):
    """A training in the replay: what asked for it, why, and what came of it."""

    at: datetime
    window: int
    cause: str
    sentence: str
    seconds: float
    promoted: bool
    judged: Judged | None = None
    false_alarm: bool | None = None
    """Whether the model was no better than the one before it; None where a calendar or an age asked for it."""


class Step(Record):
    """A window as it was served: the score of its rows, and the age of the model in windows."""

    start: datetime
    n_rows: int
    score: float | None
    loss: float | None
    age: float
    corrected: bool = False
    verdict: str = ""


class Outcome(Record):
    """What a policy made of the history; `score` is over all rows, `seconds` of the processor."""

    name: str
    title: str
    score: float
    loss: float
    retrainings: int
    promotions: int
    refusals: int
    false_alarms: int
    seconds: float
    gate_seconds: float
    corrected_windows: int
    trainings: tuple[Trained, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Wish:
    """That a training is wanted now: what asks for it, and whether by evidence, or by the calendar alone."""

    cause: str
    sentence: str
    evidence: bool


class Policy(Protocol):
    """When to train. It is told of each window's start, and of what came of its wishes."""

    name: str
    title: str
    gated: bool
    seconds: float

    def wish(self, number: int, champion: int) -> Wish | None:
        """Whether to train at the start of window `number`, where a model of the first `champion` rows serves."""

    def trained(self, what: Trained) -> None:
        """What came of it."""

    def correction(self, number: int, champion: int) -> Correction | None:
        """What is to be added to the answers in this window."""

    def said(self) -> str:
        """The last verdict in words."""
        ...


def walk(fits: Fits, policy: Policy) -> Outcome:
    """The outcome of the policy over all windows; each first sees what was known when it began."""
    windows, champion, since = fits.history.windows, fits.history.n_first, fits.history.windows[0].start
    trainings: list[Trained] = []
    steps: list[Step] = []
    served: list[Floats] = []
    seconds, gate_seconds = 0.0, 0.0
    for number, window in enumerate(windows):
        wish = policy.wish(number, champion) if number else None
        if wish is not None:
            judged, cost = gate(fits, number, champion) if policy.gated else (None, 0.0)
            promoted = judged is None or judged.held
            # A challenger whose proxy is refused is the proxy alone: the fit on all rows comes after that.
            spent = fits.seconds(window.n_labelled) if promoted or (judged and judged.knows) else 0.0
            seconds, gate_seconds = seconds + spent, gate_seconds + cost
            what = Trained(
                at=window.start,
                window=number,
                cause=wish.cause,
                sentence=wish.sentence,
                seconds=spent + cost,
                promoted=promoted,
                judged=judged,
                false_alarm=_no_better(fits, number, champion) if wish.evidence and promoted else None,
            )
            trainings.append(what)
            if promoted:
                champion, since = window.n_labelled, window.start
            policy.trained(what)
        added = policy.correction(number, champion)
        answers = _served(fits, window, champion, added)
        served.append(answers)
        steps.append(
            _step(fits, window, answers, (window.start - since) / fits.history.every, added is not None, policy)
        )
    score, loss = _scored(fits, slice(windows[0].first, windows[-1].last), _stacked(served))
    promotions = sum(each.promoted for each in trainings)
    return Outcome(
        name=policy.name,
        title=policy.title,
        score=score if score is not None else float("nan"),
        loss=loss if loss is not None else float("nan"),
        retrainings=len(trainings),
        promotions=promotions,
        refusals=len(trainings) - promotions,
        false_alarms=sum(each.false_alarm is True for each in trainings),
        seconds=round(seconds + gate_seconds + policy.seconds, 3),
        gate_seconds=round(gate_seconds, 3),
        corrected_windows=sum(each.corrected for each in steps),
        trainings=tuple(trainings),
        steps=tuple(steps),
    )


def _no_better(fits: Fits, number: int, before: int) -> bool:
    """Whether the new model's loss over the next windows is not below that of the one before: hindsight, for people."""
    windows = fits.history.windows[number : number + JUDGED_WINDOWS]
    rows = slice(windows[0].first, windows[-1].last)
    if rows.start == rows.stop:
        return False
    problem, y = fits.history.seen.target.problem, fits.history.answers(rows)
    stale, fresh = (
        np.concatenate([fits.answers(known, each.rows) for each in windows])
        for known in (before, fits.history.windows[number].n_labelled)
    )
    return bool(correction.losses(problem, y, fresh).mean() >= correction.losses(problem, y, stale).mean())


def _served(fits: Fits, window: Window, champion: int, added: Correction | None) -> Floats:
    answers = fits.answers(champion, window.rows)
    if added is None or not window.n_rows:
        return answers
    return added.answers(fits.matrix(champion, window.rows), answers)


def _step(fits: Fits, window: Window, answers: Floats, age: float, corrected: bool, policy: Policy) -> Step:
    score, loss = _scored(fits, window.rows, answers)
    return Step(
        start=window.start,
        n_rows=window.n_rows,
        score=score,
        loss=loss,
        age=round(age, 3),
        corrected=corrected,
        verdict=policy.said(),
    )


def _scored(fits: Fits, rows: slice, answers: Floats) -> tuple[float | None, float | None]:
    if rows.start == rows.stop:
        return None, None
    y, problem = fits.history.answers(rows), fits.history.seen.target.problem
    score = metrics.value(fits.metric, y, answers)
    return (None if np.isnan(score) else score), float(correction.losses(problem, y, answers).mean())


def _stacked(served: list[Floats]) -> Floats:
    return np.concatenate(served)
