"""The verdict on a project: all that is known of its champion, weighed, and kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from tasks.core import clock, newest_window
from tasks.core.model_records import Champion
from tasks.decide import decide
from tasks.monitoring.window_report import WindowReport
from tasks.retraining import predecessor, verdicts
from tasks.retraining.measuring import measure
from tasks.retraining.policy import Retrain
from tasks.retraining.situation import situation
from tasks.retraining.verdict import Gain, Situation, Verdict
from tasks.serving.section import Log

Decide = Callable[[Sequence[WindowReport], Sequence[Gain], Situation, Retrain, datetime], Verdict]


def weigh(
    project: str,
    champion: Champion,
    days: Sequence[WindowReport],
    policy: Retrain,
    log: Log,
    decide: Decide = decide,
) -> verdicts.Kept:
    """The verdict now, and its number among those that are kept; `decide` may be the same as a task of Prefect's.

    What a new model would gain is measured first, of the windows whose outcomes have come. Where the champion is a
    correction, that is said of the model which it corrects: a correction never corrects a correction.
    """
    now = clock.now()
    known = situation(project, champion, policy, now)
    if known.live is not None and known.n_labelled is not None:
        better = predecessor.compared(project, champion, known.live, log, now)
        known = known.model_copy(update={"live": known.live.model_copy(update={"before": better})})
    measured, silent = (), ""
    if ("gain" in policy.on or policy.correct) and known.n_labelled is not None:
        measured, silent = measure(project, champion.trained, known.champion_since, days, policy, log, now)
    verdict = decide(days, measured, known, policy, now)
    if silent:
        verdict = verdict.model_copy(update={"evidence": (*verdict.evidence, silent)})
    window = days[-1].window if days else None
    newest_window.tell(project, verdict.sentence)
    number = verdicts.keep(project, now, champion.version, window, verdict)
    return verdicts.Kept(id=number, at=now, version=champion.version, window=window, verdict=verdict)
