"""Whether a correction is worth serving, by the gains of the last windows, whose rows were new to it each time."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tasks.core.records import Record
from tasks.retraining.acceptance import AgainstChampion
from tasks.retraining.verdict import Gain

WINDOWS = 8
"""Of gains that decide, whichever champions they were measured of: what helped one helps the next. Of 4 to 12 windows
eight were the best over 58 streams that were replayed, eleven of them of real rows (benchmarks/RESULTS.md)."""


class Worth(Record):
    """Whether it serves, and the figures in words."""

    serves: bool
    words: str


def worth(gains: Sequence[Gain], gate: AgainstChampion = "not_worse") -> Worth:
    """By the project's gains, the oldest first: over their windows it saved something; where a model must be better,
    with 95 %.

    What it saved is summed up before it is divided: by the mean of the windows' shares one without much loss outweighs
    the others (0.2 % worse over 58 streams, 6 % on one). The newest window has no veto: on 24 streams it cost up to 7 %
    of the loss where what drifts is noisy, and saved at most 0.1 %.
    """
    last = gains[-WINDOWS:]
    if not last:
        return Worth(serves=False, words="no gain of it is measured")
    whole = [each.n_labelled * each.loss for each in last]
    loss = math.fsum(whole) or 1.0
    saved = math.fsum(each.gain * of for each, of in zip(last, whole, strict=True)) / loss
    spread = math.hypot(*((each.high - each.gain) * of for each, of in zip(last, whole, strict=True))) / loss
    over = f"the last {len(last)} windows" if len(last) > 1 else "the last window"
    return Worth(
        serves=saved > (spread if gate == "better" else 0.0),
        words=f"gain {saved:.1%} ± {spread:.1%} of the loss over {over}",
    )
