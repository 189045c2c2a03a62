"""The budget in seconds: what tuning may still begin, such that the final fits fit in too."""

from __future__ import annotations

import time
from collections.abc import Sequence

from tasks.learning.development import Development
from tasks.learning.ensemble import MOST_MEMBERS
from tasks.learning.journal import Trial

FINAL_FITS = 2.5
"""Training fits each member twice, for the curves and for good; then come importances and the export."""


AGEING = 0.25
"""More of the final fits' time, in which rows that are split by time tell how the model ages."""


class Clock:
    """Counts against the budget, beginning with what earlier processes spent. None as budget: no limit."""

    def __init__(self, seconds: float | None, spent: float) -> None:
        self._seconds = seconds
        self._started = time.monotonic() - spent
        self._marked = time.monotonic()

    def left(self) -> float:
        """Seconds that are not spent."""
        return float("inf") if self._seconds is None else self._seconds - (time.monotonic() - self._started)

    def since_mark(self) -> float:
        """Seconds since this was asked last: what the journal is told."""
        last, self._marked = self._marked, time.monotonic()
        return self._marked - last

    def allows(self, seconds: float, trials: Sequence[Trial], data: Development) -> bool:
        """Whether so many seconds more leave enough for the final fits of the best trials so far."""
        if not any(trial.loss is not None and trial.asked for trial in trials):
            return True  # there must be one model besides the baseline, or the run was for nothing
        return seconds <= self.left() - final_seconds(trials, data)


def final_seconds(trials: Sequence[Trial], data: Development) -> float:
    """What the final fits will take, by what the trials of the likeliest members took."""
    finished = sorted((trial for trial in trials if trial.loss is not None), key=lambda trial: trial.loss or 0.0)
    fitted_rows = sum(len(turn.fit) for turn in data.rounds)
    spent = sum(trial.seconds for trial in finished[:MOST_MEMBERS])
    each = FINAL_FITS + AGEING * FINAL_FITS * data.in_time
    return each * spent * data.n_rows / max(1, fitted_rows)
