"""What is to be done now: one verdict of the windows, the measured gains and what is known of the champion's life."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tasks.core.markdown import markdown
from tasks.monitoring.window_report import WindowReport
from tasks.retraining.asking import age_alone, asked, drifted, effect, summed, today
from tasks.retraining.drifting import drifting
from tasks.retraining.holding import held_back
from tasks.retraining.policy import Retrain
from tasks.retraining.rolling_back import failing
from tasks.retraining.verdict import Gain, Situation, Verdict


def decide(
    days: Sequence[WindowReport], gains: Sequence[Gain], situation: Situation, policy: Retrain, now: datetime
) -> Verdict:
    """The verdict at the moment `now`: the same arguments give the same one.

    `days` are the champion's judged days and `gains` what was measured of it, both with the oldest first. In order: a
    new champion that fails its requests is rolled back from; a broken feed is an incident, whatever else there is; a
    champion that breaks another limit is rolled back from; then what asks for training is weighed, and what holds it
    back.
    """
    incident = days[-1].incident if days else None
    wrong = failing(situation.live, now, sound_feed=incident is None)
    if wrong is not None and wrong.acts:
        return Verdict(action="rollback", sentence=f"Roll back. {wrong.sentence}.", evidence=(wrong.sentence,))
    if incident is not None:
        evidence = tuple(each.sentence for each in incident.evidence)
        told = f"Mend the feed; nothing is learnt from it. {days[-1].window}: {incident.cause.rstrip('.')}."
        return Verdict(action="incident", sentence=told, evidence=evidence)
    drift = drifting(days, *policy.drifted)
    reasons = asked(drift, gains, situation, policy, now)
    facts = [effect(days), *([wrong.sentence] if wrong else [])]
    evidence = tuple(each for each in (*(ask.sentence for ask in reasons), *facts) if each)
    if reasons:
        first = reasons[0]
        told = _sentences(first.sentence, *facts)
        hold = held_back(situation, policy, now) if first.held_back is None else None
        if first.held_back is None and hold is None:
            return Verdict(
                action="retrain",
                sentence=f"Train anew. {told}",
                cause=first.cause,
                columns=first.columns,
                evidence=evidence,
                gain=gains[-1].gain if gains else None,
            )
        return Verdict(
            action="watch",
            sentence=f"Watch. {_sentences(told, hold.sentence if hold else '')}",
            cause=first.cause,
            until=hold.until if hold else None,
            columns=first.columns,
            evidence=(*evidence, *([hold.sentence] if hold else [])),
            held_back=hold.kind if hold else first.held_back,
        )
    if drift.now or wrong is not None:
        n, m = policy.drifted
        asks = f"; {n} of {m} ask for training" if "data_drift" in policy.on else ""
        moved = f"{drifted(drift)}{asks}" if drift.now else ""
        told = _sentences(moved, today(gains), *facts)
        evidence = (moved, *evidence) if moved else evidence
        return Verdict(action="watch", sentence=f"Watch. {told}", columns=drift.columns, evidence=evidence)
    total, _ = summed(gains)
    added = f"The gains add up to {total:.2f}, less than {policy.gain:g}" if gains else ""
    alone = age_alone(situation, policy)
    seen = "Drift has faded" if drift.drifted else "Nothing drifts" if days else "No day is judged yet"
    return Verdict(
        action="healthy",
        sentence=f"Healthy. {_sentences(seen, today(gains), added, *facts, alone)}",
        evidence=(*evidence, *([alone] if alone else [])),
    )


def tags(verdict: Verdict) -> dict[str, str]:
    """By what a run is found that came to the verdict."""
    said = {"verdict": verdict.action, "cause": verdict.cause, "held_back": verdict.held_back, "why": verdict.sentence}
    return {f"keepfit.{name}": value for name, value in said.items() if value}


def _sentences(*parts: str) -> str:
    return " ".join(f"{part[0].upper()}{part[1:].rstrip('.')}." for part in parts if part)


@markdown.register
def _(record: Verdict) -> str:
    facts = "\n".join(f"- {each}" for each in record.evidence)
    until = f"\n\nUntil {record.until:%Y-%m-%d %H:%M} UTC" if record.until else ""
    cause = f" ({record.cause})" if record.cause else ""
    return f"**{record.action}**{cause}: {record.sentence}{until}\n\n{facts}"
