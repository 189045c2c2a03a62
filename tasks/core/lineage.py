"""Which trained model a version stands for: a correction answers in the place of the model that it corrects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tasks.core import ledger
from tasks.core.ledger import Entry
from tasks.core.model_records import Champion


def corrected(entries: Sequence[Entry]) -> dict[str, str]:
    """The corrections among the versions of these decisions, each with the trained version that it corrects."""
    return {each.version: each.corrects for each in entries if each.corrects is not None}


def evidence(model: Champion | None) -> dict[str, Any]:
    """What the ledger is told of a version that serves: what it corrects, if it is a correction."""
    base = model.base if model is not None else None
    return {"corrects": {"version": base.version, "digest": base.artifact.digest}} if base is not None else {}


def trained(project: str, version: str) -> str:
    """The version that a training made: this one, or the one that it corrects."""
    return corrected(ledger.entries(project, None, version=version)).get(version, version)


def answering(project: str, digest: str) -> tuple[str, ...]:
    """The digests of those that answered for the trained model: its own, and those of its corrections."""
    found = {digest: None}
    for each in ledger.entries(project, None):
        of = each.evidence.get("corrects")
        if isinstance(of, dict) and of.get("digest") == digest:
            found[each.digest] = None
    return tuple(found)
