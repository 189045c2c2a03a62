"""Whether a correction is worth serving, by the gains of the last windows, whose rows were new to it each time."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tasks.core.records import Record
from tasks.retraining.acceptance import AgainstChampion
from tasks.retraining.gain import NORMAL
from tasks.retraining.gate import NON_INFERIORITY_T
from tasks.retraining.verdict import Gain

WINDOWS = 6
"""Of gains whose mean decides, whichever champions they were measured of: what helped one helps the next."""


class Worth(Record):
    """Whether it serves, and the figures in words."""

    serves: bool
    words: str


def worth(gains: Sequence[Gain], gate: AgainstChampion = "not_worse") -> Worth:
    """By the project's gains, the oldest first: their mean is above 0, and the newest one holds the gate.

    The gate judges the same recipe without the newest window on that window's rows, as it does a trained model.
    """
    last = gains[-WINDOWS:]
    if not last:
        return Worth(serves=False, words="no gain of it is measured")
    mean = math.fsum(each.gain for each in last) / len(last)
    spread = math.sqrt(math.fsum((each.high - each.gain) ** 2 for each in last)) / len(last)
    over = f"the last {len(last)} windows" if len(last) > 1 else "the last window"
    words = f"gain {mean:.1%} ± {spread:.1%} of the loss over {over}"
    newest = last[-1]
    error = (newest.high - newest.low) / (2 * NORMAL)
    demanded = {"not_worse": -NON_INFERIORITY_T * error, "better": NORMAL * error, "off": -math.inf}[gate]
    held = newest.gain >= demanded or (gate == "not_worse" and newest.gain >= 0)
    if not held:
        words += (
            f", and in the newest one {newest.gain:.1%} ({newest.low:.1%} to {newest.high:.1%}), worse than allowed"
        )
    return Worth(serves=mean > 0 and held, words=words)
