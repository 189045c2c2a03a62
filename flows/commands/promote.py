"""`keepfit promote`: a registered version becomes the champion or the challenger because a person says so."""

from __future__ import annotations

import argparse
import time

from flows import promoting
from tasks.core import ledger, promotion, tracking
from tasks.core.errors import UsageError
from tasks.core.model_records import Champion


def run(options: argparse.Namespace) -> int:
    """Check the version, give it its role, and say so."""
    started, version = time.monotonic(), str(options.version)
    with promoting.opened(options.project) as name:
        answered = promoting.proven_ahead(name, lambda: next(iter(ledger.entries(name, 1, version=version)), None))
        notice = promotion.reconcile(name)
        standing = tracking.standing(name)
        for role, now in (("champion", standing.champion), (options.role, getattr(standing, options.role))):
            if version == now:
                raise UsageError(f"Version {version} of {name} is the {role} already", action="See `keepfit status`")
        model, proof = promoting.proven(name, version, answered)
        _give(name, model, options, proof)
        entry = ledger.entries(name, 1, version=version)[0]
    instead = f", no longer version {entry.previous}" if options.role == "champion" and entry.previous else ""
    sentence = f"version {version} ({model.artifact.digest[:12]}) is the {options.role}{instead}."
    promoting.tell(options, entry, started, notice, sentence, proof)
    return 0


def _give(project: str, model: Champion, options: argparse.Namespace, proof: str) -> None:
    digest, evidence = model.artifact.digest, promoting.evidence(model, proof)
    if options.role == "challenger":
        promotion.challenge(project, model.version, digest, "challenger", "promote", options.why, evidence)
        return
    now = ledger.serving_since(project)
    previous = now.serves if now else None
    promotion.move(project, model.version, digest, "champion", "promote", options.why, evidence, previous)
