"""Whether a challenger is no worse than the champion: on rows that neither knows, by blocks of a day."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.core.records import Record
from tasks.retraining.correction import Floats
from tasks.retraining.gain import blocks_error

FEWEST_DAYS = 4
NON_INFERIORITY_T = 1.4
"""A challenger is refused when it is worse at the one-sided 92 % level: of equal ones, one in twelve. At 90 % it was
more than one in ten as often as not, and on 5,000 rows one that is two points worse is found at either. To demand a
proven win instead was found to cost 1 to 2 points of accuracy over time: good models wait while the old one ages."""


class Judged(Record):
    """The challenger's gain as a share of the champion's loss, its standard error, and whether that is no loss.

    `knows`: the challenger was fitted on these rows. One that is worse on them all the same is broken.
    """

    n_rows: int
    n_blocks: int
    gain: float
    error: float
    held: bool
    knows: bool = False


def not_worse(champion: Floats, challenger: Floats, days: npt.NDArray[Any]) -> Judged:
    """The judgement by both models' losses on the same rows; `days` says on which day each came, in their order.

    Rows of one day resemble each other, so days are the sample; where there are too few, neighbouring rows are.
    """
    difference, loss = champion - challenger, float(champion.mean()) or 1.0
    names, which = np.unique(days, return_inverse=True)
    if len(names) >= FEWEST_DAYS:
        means = np.bincount(which, difference) / np.bincount(which)
        n_blocks, error = len(names), float(means.std(ddof=1) / np.sqrt(len(names)))
    else:
        n_blocks, error = FEWEST_DAYS, blocks_error(difference, FEWEST_DAYS)
    gain = float(difference.mean())
    # Of equal models nothing is refused.
    held = not gain < 0 or not gain < -NON_INFERIORITY_T * error
    return Judged(n_rows=len(difference), n_blocks=n_blocks, gain=gain / loss, error=error / loss, held=held)
