"""Whether a correction is worth serving, by the gains of the last windows, whose rows were new to it each time."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tasks.core.records import Record
from tasks.retraining.acceptance import AgainstChampion
from tasks.retraining.verdict import Gain

WINDOWS = 6
"""Of gains whose mean decides, whichever champions they were measured of: what helped one helps the next."""


class Worth(Record):
    """Whether it serves, and the figures in words."""

    serves: bool
    words: str


def worth(gains: Sequence[Gain], gate: AgainstChampion = "not_worse") -> Worth:
    """By the project's gains, the oldest first: their mean is above 0; where a model must be better, with 95 %.

    The newest window has no veto: of 24 streams that were replayed, one that did cost up to 7 % of the loss where what
    drifts is noisy, and saved at most 0.1 %.
    """
    last = gains[-WINDOWS:]
    if not last:
        return Worth(serves=False, words="no gain of it is measured")
    mean = math.fsum(each.gain for each in last) / len(last)
    spread = math.sqrt(math.fsum((each.high - each.gain) ** 2 for each in last)) / len(last)
    over = f"the last {len(last)} windows" if len(last) > 1 else "the last window"
    return Worth(
        serves=mean > (spread if gate == "better" else 0.0),
        words=f"gain {mean:.1%} ± {spread:.1%} of the loss over {over}",
    )
