"""What more fits will take after tuning, by what its trials took, and whether the budget has room for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.core import store
from tasks.core.figures import seconds
from tasks.core.model_records import Member, Tuned
from tasks.core.records import Splits
from tasks.learning.clock import FINAL_FITS
from tasks.learning.development import CROSS_VALIDATED_ROWS, SEARCHED_ROWS, Development

if TYPE_CHECKING:
    import polars as pl


def too_long(tuned: Tuned, member: Member, splits: Splits, data: Development, n_rows: int, budget: float) -> str:
    """Why the member cannot learn from so many rows within the seconds of the budget; "" where it can.

    `data` may be a sample of the rows; the final fits are taken to be done, and to have taken what tuning left them.
    """
    import polars as pl

    trials, n_train = pl.read_parquet(store.path(tuned.trials)), splits.train.n_rows
    n_fitted = sum(len(turn.fit) for turn in data.rounds)
    if n_train > CROSS_VALIDATED_ROWS:  # tuning had a larger sample, and one round
        n_fitted = min(n_train, SEARCHED_ROWS)
    a_row = {each: _took(trials, each) / max(1, n_fitted) for each in tuned.members}
    final = FINAL_FITS * sum(a_row.values()) * data.n_rows
    left = max(0.0, budget - float(trials["seconds"].sum()) - final)
    needed = a_row[member] * n_rows
    if needed <= left:
        return ""
    return f"it would take {seconds(needed)}, and of the budget of {seconds(budget)} {seconds(left)} are left"


def _took(trials: pl.DataFrame, member: Member) -> float:
    """Seconds of the trial that the member was chosen by."""
    of_it = trials.filter(family=member.family, params=member.params)["seconds"]
    return float(of_it.to_numpy().max(initial=0.0))
