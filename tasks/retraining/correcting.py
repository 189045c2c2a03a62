"""Whether the champion's correction shall serve now, or the model that it corrects: by the gains and the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

from tasks.core import ledger, lineage
from tasks.core.ledger import Entry
from tasks.core.model_records import Champion, Waits
from tasks.core.records import Record
from tasks.retraining.acceptance import AgainstChampion
from tasks.retraining.policy import Retrain
from tasks.retraining.verdict import Gain
from tasks.retraining.worth import worth

KNOWN_FOR = 12
"""Windows that a gain counts."""
CAUSE = "correction"
"""Of decisions by which a correction serves, or its base again."""


class Step(Record):
    """What is to be done, and why; `window` is the end of the newest one whose gain said so (ISO), "" without one."""

    action: Literal["correct", "return", "nothing"]
    why: str = ""
    window: str = ""


def known_for(policy: Retrain) -> timedelta:
    """How far back gains count: after so many windows without outcomes nobody knows whether a correction helps."""
    return KNOWN_FOR * policy.window


def step(
    champion: Champion,
    entries: Sequence[Entry],
    gains: Sequence[Gain],
    policy: Retrain,
    gate: AgainstChampion,
    waits: Waits,
) -> Step:
    """The next step for what serves; `entries` are the project's, the newest first, `gains` those that still count.

    A window decides once for a trained model, so that its correction is made once a window at most.
    """
    base, moves = champion.trained.version, [each for each in entries if each.decision in ledger.SERVING]
    serves = moves[0] if moves else None
    off = "" if policy.correct else "`retrain: {correct: false}`"
    off = off or (
        f"`retrain: {{promote: {waits}}}`" if waits == "by hand" else f"`serve: {{{waits}: …}}`" * bool(waits)
    )
    back = f"Version {base} serves without its correction again: "
    if off:
        # One that a person promoted is that person's.
        is_ours = champion.base is not None and serves is not None and serves.cause == CAUSE
        return Step(action="return", why=f"{back}{off}") if is_ours else Step(action="nothing")
    if serves is not None and serves.decision == "rollback" and _corrected(serves.previous, entries) == base:
        return Step(action="nothing", why=f"A correction of version {base} was rolled back from: none serves any more")
    window = gains[-1].end.isoformat() if gains else ""
    if window and any(each.cause == CAUSE and _told(each) == (window, base) for each in entries):
        return Step(action="nothing")
    found = worth(gains, gate)
    if found.serves:
        return Step(action="correct", why=f"Correction of version {base}: {found.words}", window=window)
    if champion.base is not None:
        return Step(action="return", why=f"{back}{found.words}", window=window)
    return Step(action="nothing")


def _corrected(version: str | None, entries: Sequence[Entry]) -> str | None:
    return lineage.corrected(entries).get(version) if version is not None else None


def _told(entry: Entry) -> tuple[str, str]:
    """Of which window's gain and which trained model the decision is."""
    return str(entry.evidence.get("window")), entry.corrects or entry.version
