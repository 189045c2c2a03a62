"""The outcome of a training, as a person reads it on the terminal."""

from __future__ import annotations

from flows.colours import painted
from flows.printed.training import Train
from tasks.core.age_curve import Ageing
from tasks.core.figures import figure
from tasks.core.model_records import Comparison, Evaluation
from tasks.core.records import Splits
from tasks.core.step import Done

SHOWN = 3
"""Columns named in a line of the summary."""


def summary(history: list[Done], outcome: Train) -> str:
    """The test figures with their intervals, the gates' decision with its reasons, and where to look further."""
    evaluation = next(done.record for done in history if isinstance(done.record, Evaluation))
    lines = ["", *_nothing_new(history), f"{outcome.project} on {evaluation.n_rows:,} test rows (95 % intervals):"]
    for metric in evaluation.metrics:
        lines.append(f"  {metric.name:<21} {figure(metric.value):>10}   {figure(metric.low)} to {figure(metric.high)}")
    lines += [_compared(evaluation.baseline, "the baseline"), *_champion(evaluation), *_ageing(history), ""]
    lines += [*_decision(outcome), *_hazards(history)]
    lines += ["", f"Report   {outcome.report}", f"MLflow   {outcome.mlflow} (run {outcome.run_id})"]
    lines += [f"Prefect  {outcome.prefect}", f"Took     {outcome.seconds:.1f} s"]
    return "\n".join(lines)


def _nothing_new(history: list[Done]) -> list[str]:
    trained = next(done for done in history if done.name == "train")
    return ["Nothing that training depends on has changed: nothing was trained.", ""] if trained.remembered else []


def _hazards(history: list[Done]) -> list[str]:
    """What was left out because it would harm the model, in a line each for hazards and personal data."""
    lines: list[str] = []
    for kind, title in (("hazard", "hazards"), ("personal", "personal data")):
        notes = [note for done in history if isinstance(done.record, Splits) for note in done.record.notes]
        found = [note for note in notes if note.kind == kind and "`keep: " in note.text]
        if not found:
            continue
        told = [f"{note.column} ({note.text.split(';')[0].split(', all other')[0]})" for note in found[:SHOWN]]
        more = f"; and {len(found) - SHOWN} more, see `keepfit show`" if len(found) > SHOWN else ""
        lines.append(
            f"Left out as {title}: {'; '.join(told)}{more}. To use one all the same: `keep: [{found[0].column}]`"
        )
    return ["", *lines] if lines else []


def _compared(comparison: Comparison, whom: str) -> str:
    return (
        f"  against {whom}: {comparison.metric} {figure(comparison.ours)} to {figure(comparison.theirs)}, "
        f"gain {figure(comparison.gain)} ({figure(comparison.low)} to {figure(comparison.high)})"
    )


def _champion(evaluation: Evaluation) -> list[str]:
    return [_compared(evaluation.champion, evaluation.champion.against)] if evaluation.champion else []


def _ageing(history: list[Done]) -> list[str]:
    """What a window of age costs; nothing of rows without a moment."""
    return [f"  {done.record.sentence}" for done in history if isinstance(done.record, Ageing) and done.record.curve]


def _decision(outcome: Train) -> list[str]:
    model = outcome.model
    name = f"{model.name} version {model.version} ({model.digest[:12]})"
    accepted = painted("ACCEPTED", "green")
    if waits := outcome.waits:
        until = f"`keepfit promote --version {model.version}`" if waits == "by hand" else f"what it answers as {waits}"
        head = f"{accepted}: {name} is the challenger; it waits for {until}."
    elif outcome.accepted:
        head = f"{accepted}: {name} is the champion."
    else:
        still = f"version {outcome.champion} goes on serving" if outcome.champion else "there is no champion yet"
        head = f"{painted('REFUSED', 'red')}: {name}; {still}."
    return [head, *(f"  - {reason}" for reason in outcome.reasons)]
