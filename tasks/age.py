"""age: what each window of age adds to the model's loss, by models that end some windows before the newest rows."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING

from pydantic import Field

from tasks.core import store
from tasks.core.age_curve import Ageing, window
from tasks.core.figures import seconds as spoken
from tasks.core.markdown import markdown
from tasks.core.model_records import Member, Tuned
from tasks.core.records import CheckedSplits, Record, Splits
from tasks.core.splits import seconds
from tasks.core.step import step
from tasks.monitoring.section import time_column

if TYPE_CHECKING:
    from tasks.learning.dated import Dated

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
    import numpy as np

    from tasks.learning import dated, fitting
    from tasks.learning.parallel import heard, one_thread
    from tasks.retraining import ageing, correction

    if before is not None:
        return before
    said = Ageing(every=section.every)
    if (time := time_column(splits.splits, section.time)) is None:
        return said.model_copy(update={"why": NO_MOMENT})
    rows = dated.load(splits.splits, time, MOST_ROWS)
    data, known, judging = rows.data, rows.moments[rows.teaching], rows.moments[rows.judging]
    cut = ageing.cuts(known, judging, window(section.every), _gap(splits.splits))
    if isinstance(cut, str):
        return said.model_copy(update={"why": cut})
    sizes = cut.known(known)
    n_learned = min(sizes[-1], int(np.clip(SHARE * data.n_rows, FEWEST_ROWS, MOST_ROWS)))
    # One sample for all: models that differ by chance in what they know would differ in their losses by chance.
    places = np.sort(np.random.default_rng(section.seed).choice(sizes[-1], n_learned, replace=False))
    taught = [rows.teaching[places[places < size]] for size in sizes]
    member = max(tuned.members, key=lambda each: each.weight)
    if why := _too_long(tuned, member, splits.splits, rows, sum(map(len, taught)), section.seconds):
        return said.model_copy(update={"why": why})
    judged = rows.judging[cut.judged(judging)]
    judged = judged[:: -(-len(judged) // MOST_JUDGED)]
    with heard(), one_thread():
        answers = fitting.asked(member, data, taught, judged, section.seed, section.threads)
    losses = [correction.losses(data.problem, data.y[judged], each) for each in answers]
    curve = ageing.measured(cut, losses)
    return said.model_copy(update={"curve": curve, "n_learned": n_learned, "n_judged": len(judged)})


def planned(splits: Splits, section: AgeSection) -> str:
    """What a training will measure of it, in words."""
    time = time_column(splits, section.time)
    return f"measured in windows of {section.every} by {time}" if time else f"not measured: {NO_MOMENT}"


def _gap(splits: Splits) -> timedelta:
    """After which a row's outcome is known, where the project says so."""
    return timedelta(seconds=seconds(splits.time_gap)) if isinstance(splits.time_gap, str) else timedelta(0)


def _too_long(tuned: Tuned, member: Member, splits: Splits, rows: Dated, n_rows: int, budget: float | None) -> str:
    """Why so many rows cannot be learnt from within the budget, by what the trials took; "" where they can."""
    import polars as pl

    from tasks.learning.clock import FINAL_FITS
    from tasks.learning.development import SEARCHED_ROWS

    if budget is None:
        return ""
    trials = pl.read_parquet(store.path(tuned.trials))
    by_member = {
        each: float(trials.filter(family=each.family, params=each.params)["seconds"].max() or 0.0)  # pyright: ignore
        for each in tuned.members
    }
    data, n_train = rows.data, splits.train.n_rows
    a_row = 1 / max(
        1, min(n_train, SEARCHED_ROWS) if n_train > MOST_ROWS else sum(len(turn.fit) for turn in data.rounds)
    )
    left = budget - float(trials["seconds"].sum()) - FINAL_FITS * sum(by_member.values()) * data.n_rows * a_row
    needed = by_member[member] * n_rows * a_row
    if needed <= left:
        return ""
    return f"it would take {spoken(needed)}, and of the budget of {spoken(budget)} {spoken(max(0.0, left))} are left"


@markdown.register
def _(record: Ageing) -> str:
    if record.curve is None:
        return record.sentence
    points = "\n".join(f"| {each.age:g} | {each.relative_loss:.3f} |" for each in record.curve.points)
    return f"{record.sentence}\n\n| Age in windows of {record.every} | Loss, of a new model's |\n|---|---|\n{points}"
