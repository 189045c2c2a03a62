"""Many policies' ways through one history, side by side."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from functools import partial

from tasks.core import progress
from tasks.learning.parallel import as_done, one_thread, within_context
from tasks.replaying.fits import Fits
from tasks.replaying.walk import Outcome, Policy, walk


def lived(fits: Fits, policies: Sequence[Policy], last: Collection[int], threads: int | None = None) -> list[Outcome]:
    """What came of each policy; those at the places `last` begin when no other is left to begin."""
    order = sorted(range(len(policies)), key=lambda place: place in last)
    calls = [within_context(partial(walk, fits, policies[place])) for place in order]
    outcomes: dict[int, Outcome] = {}
    with one_thread():
        for place, outcome in as_done(calls, min(threads or os.cpu_count() or 1, len(calls))):
            outcomes[order[place]] = outcome
            progress.advance("live through", "", len(outcomes), None if len(outcomes) == len(calls) else len(calls))
    return [outcomes[place] for place in range(len(policies))]
