"""age: what each window of age adds to the model's loss, by models that end some windows before the newest rows."""

from __future__ import annotations

import os
from datetime import timedelta

from pydantic import Field

from tasks.core.age_curve import Ageing, window
from tasks.core.markdown import markdown
from tasks.core.model_records import Tuned
from tasks.core.records import CheckedSplits, Record, Splits
from tasks.core.splits import seconds
from tasks.core.step import step
from tasks.monitoring.section import time_column

SHARE, FEWEST_ROWS, MOST_ROWS = 0.125, 10_000, 100_000
"""Of all rows, that each model learns from, within these bounds: five of them then take about a quarter of the time
of the final fits, which are two or three."""
MOST_JUDGED = 20_000
NO_MOMENT = "the rows have no moment; `monitor: {time: …}` names the column that says it"


class AgeSection(Record):
    """How ageing is measured: in windows of `every`, by the column `time`, within the `seconds` of the budget."""

    every: str
    time: str | None = None
    seconds: float | None = None
    seed: int = 0
    threads: int = Field(default_factory=lambda: os.cpu_count() or 1, gt=0)


@step
def age(tuned: Tuned, splits: CheckedSplits, section: AgeSection, before: Ageing | None) -> Ageing:
    """How the model ages, of its heaviest member; `before` is how the champion does, where gains are measured of it.

    It is looked at after the test rows have judged the model, and nothing of it is in the model.
    """
    if before is not None:
        return before
    found = _measured(tuned, splits.splits, section)
    return Ageing(every=section.every, why=found) if isinstance(found, str) else found


def _measured(tuned: Tuned, splits: Splits, section: AgeSection) -> Ageing | str:
    """What the models of several ages say, or why they cannot be had."""
    import numpy as np

    from tasks.learning import dated, fitting, foreseen
    from tasks.learning.parallel import heard, one_thread
    from tasks.retraining import ageing, correction

    if (time := time_column(splits, section.time)) is None:
        return NO_MOMENT
    rows = dated.load(splits, time, MOST_ROWS)
    data, known, judging = rows.data, rows.moments[rows.teaching], rows.moments[rows.judging]
    cut = ageing.cuts(known, judging, window(section.every), _gap(splits))
    if isinstance(cut, str):
        return cut
    sizes = cut.known(known)
    n_learned = min(sizes[-1], int(np.clip(SHARE * data.n_rows, FEWEST_ROWS, MOST_ROWS)))
    # One sample for all: models that differ by chance in what they know would differ in their losses by chance.
    places = np.sort(np.random.default_rng(section.seed).choice(sizes[-1], n_learned, replace=False))
    taught = [rows.teaching[places[places < size]] for size in sizes]
    member, n_rows = max(tuned.members, key=lambda each: each.weight), sum(map(len, taught))
    if section.seconds and (why := foreseen.too_long(tuned, member, splits, data, n_rows, section.seconds)):
        return why
    judged = rows.judging[cut.judged(judging)]
    judged = judged[:: -(-len(judged) // MOST_JUDGED)]
    try:
        with heard(), one_thread():
            answers = fitting.asked(member, data, taught, judged, section.seed, section.threads)
    except Exception as failure:  # whatever a library throws at fewer rows: the model itself is well
        return f"{member.family} cannot learn from so few rows: {failure}"
    losses = [correction.losses(data.problem, data.y[judged], each) for each in answers]
    if not np.isfinite(losses).all():
        return f"what {member.family} answers by fewer rows are no finite numbers"
    curve = ageing.measured(cut, losses)
    return Ageing(every=section.every, curve=curve, n_learned=n_learned, n_judged=len(judged))


def planned(splits: Splits, section: AgeSection) -> str:
    """What a training will measure of it, in words."""
    time = time_column(splits, section.time)
    return f"measured in windows of {section.every} by {time}" if time else f"not measured: {NO_MOMENT}"


def _gap(splits: Splits) -> timedelta:
    """After which a row's outcome is known, where the project says so."""
    return timedelta(seconds=seconds(splits.time_gap)) if isinstance(splits.time_gap, str) else timedelta(0)


@markdown.register
def _(record: Ageing) -> str:
    if record.curve is None:
        return record.sentence
    points = "\n".join(f"| {each.age:g} | {each.relative_loss:.3f} |" for each in record.curve.points)
    return f"{record.sentence}\n\n| Age in windows of {record.every} | Loss, of a new model's |\n|---|---|\n{points}"
