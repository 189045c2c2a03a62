"""Whether the inputs or answers have drifted for long enough to be more than watched, and since when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from tasks.core.records import Record
from tasks.monitoring.window_report import WindowReport

TOLD = 3
"""Columns that are told in words."""


class Drifting(Record):
    """So many of the last days drifted: `drifted` of `looked_at`, the newest among them if `now`.

    `since` is the first day of what lasts until now; a calm that is too long for the policy's N of M ends it.
    `n_labelled` counts the rows from then on whose outcome is known.
    """

    now: bool
    drifted: int
    looked_at: int
    lasts: bool
    since: str = ""
    n_labelled: int = 0
    columns: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    @property
    def began(self) -> datetime | None:
        """When the first of its days began; None where a window is no day."""
        try:
            return datetime.fromisoformat(self.since).replace(tzinfo=UTC)
        except ValueError:
            return None


def drifting(days: Sequence[WindowReport], n: int, m: int) -> Drifting:
    """What the last `m` of the days say, of which `n` must have drifted, the latest too."""
    latest = days[-m:]
    count = sum(each.drift for each in latest)
    if not days or not days[-1].drift:
        return Drifting(now=False, drifted=count, looked_at=len(latest), lasts=False)
    start, calm = len(days) - 1, 0
    for place in range(len(days) - 1, -1, -1):
        calm = 0 if days[place].drift else calm + 1
        if calm > m - n:
            break
        start = place if days[place].drift else start
    newest = days[-1]
    moved = [(each.column, each.words) for each in newest.worst if each.drift]
    pairs = [pair for pair in newest.joint.pairs if pair.drift] if newest.joint else []
    words = [f"{name}: {text}" for name, text in moved] + [
        f"{' and '.join(pair.columns)}: {pair.words}" for pair in pairs
    ]
    return Drifting(
        now=True,
        drifted=count,
        looked_at=len(latest),
        lasts=count >= n,
        since=days[start].window,
        n_labelled=sum(each.performance.labelled.n_labelled for each in days[start:] if each.performance),
        columns=tuple(
            dict.fromkeys([*(name for name, _ in moved), *(name for pair in pairs for name in pair.columns)])
        ),
        words=tuple(words[:TOLD]),
    )
