"""What a back-test of the policy prints."""

from __future__ import annotations

from flows.printed.parts import without
from tasks.replaying.records import Replay
from tasks.replaying.walk import Outcome


class ReplayedPolicy(without(Outcome, "name")):
    """What a policy made of the history; `scores` are those of its windows."""

    scores: tuple[float | None, ...]


class Replayed(without(Replay, "policies")):
    """The policies by name, and what the recommended one changes in project.yaml."""

    policies: dict[str, ReplayedPolicy]
    report: str
    diff: tuple[str, ...]
    applied: bool
