"""Whether a new champion breaks its limits in its first days, so that the version before shall serve again.

Errors, refusals and latency are the service's own and act at once. What the outcomes say acts only where it is
beyond doubt: moving back on a loss that looks worse cost more than it saved when about 150 policies were replayed,
for the version before is older still. Below that it is told, and a person decides.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from tasks.core.figures import figure, percent
from tasks.core.records import Record
from tasks.retraining.verdict import Live

FIRST = timedelta(hours=48)
"""How long a champion is new; a daily look sees each one at least once."""
FEWEST_REQUESTS = 100
Z = 2.58
"""Standard errors: a rate is above its limit with 99.5 % confidence."""
MORE_ERRORS, MORE_REFUSALS = 0.01, 0.05
"""Of all requests, beyond what it was before."""
SLOWER, AT_LEAST_MS = 3.0, 20.0
"""Times as slow, and so many milliseconds more."""
BEYOND_DOUBT = 0.5
"""Of the champion's loss, at least, with 95 % confidence, that the version before saves on the same rows."""
FEWEST_OUTCOMES = 200


class Failing(Record):
    """What the new champion breaks, in a sentence; `acts` unless a person is to decide."""

    sentence: str
    acts: bool


def failing(live: Live | None, now: datetime, sound_feed: bool) -> Failing | None:
    """What speaks for the version before; with a broken feed only errors do, for refusals may be the feed's."""
    if live is None or live.previous is None:
        return None
    found: list[str] = []
    if now - live.since <= FIRST and live.n_requests >= FEWEST_REQUESTS:
        before = live.before_error_rate or 0.0
        if lowest(live.error_rate, live.n_requests) > before + MORE_ERRORS:
            found.append(f"{percent(live.error_rate)} of its requests failed, {percent(before)} before")
        before = live.before_refusal_rate
        if sound_feed and before is not None and lowest(live.refusal_rate, live.n_requests) > before + MORE_REFUSALS:
            found.append(f"{percent(live.refusal_rate)} of its requests were refused, {percent(before)} before")
        before, took = live.before_latency_p95, live.latency_p95
        if before is not None and took is not None and took > max(SLOWER * before, before + AT_LEAST_MS):
            found.append(f"95 % of the requests took up to {figure(took)} ms, {figure(before)} ms before")
    since = f"The champion serves since {live.since:%Y-%m-%d %H:%M} UTC: "
    if found:
        return Failing(sentence=f"{since}{'; '.join(found)}", acts=True)
    gain = live.before
    if gain is None or gain.low <= 0 or gain.n_labelled < FEWEST_OUTCOMES or not sound_feed:
        return None
    told = f"{since}on the same rows version {live.previous} is {gain.words}"
    acts = gain.low > BEYOND_DOUBT and now - live.since <= FIRST
    return Failing(sentence=told if acts else f"{told}; `keepfit rollback` lets it serve again", acts=acts)


def lowest(rate: float, n: int) -> float:
    """The least that a rate seen in `n` requests may be (Wilson, 1927)."""
    spread = Z * math.sqrt(rate * (1 - rate) / n + Z * Z / (4 * n * n))
    return (rate + Z * Z / (2 * n) - spread) / (1 + Z * Z / n)
