"""The verdict on a project: all that is known of its champion, weighed, and kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from tasks.core.model_records import Champion
from tasks.decide import decide
from tasks.monitoring.window_report import WindowReport
from tasks.retraining import gains, verdicts
from tasks.retraining.policy import Retrain
from tasks.retraining.situation import situation
from tasks.retraining.verdict import Gain, Situation, Verdict

Decide = Callable[[Sequence[WindowReport], Sequence[Gain], Situation, Retrain, datetime], Verdict]


def weigh(
    project: str,
    champion: Champion,
    days: Sequence[WindowReport],
    policy: Retrain,
    decide: Decide = decide,
) -> verdicts.Kept:
    """The verdict now, and its number among those that are kept; `decide` may be the same as a task of Prefect's."""
    now = datetime.now(UTC)
    measured = gains.read(project, champion.artifact.digest)
    verdict = decide(days, measured, situation(project, champion, now), policy, now)
    window = days[-1].window if days else None
    number = verdicts.keep(project, now, champion.version, window, verdict)
    return verdicts.Kept(id=number, at=now, version=champion.version, window=window, verdict=verdict)
