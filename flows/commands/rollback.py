"""`keepfit rollback`: the version that served before serves again."""

from __future__ import annotations

import argparse
import time

from flows import promoting
from tasks.core import ledger, promotion
from tasks.core.errors import UsageError
from tasks.core.ledger import SERVING, Entry


def run(options: argparse.Namespace) -> int:
    """Check the target, move to it, and say so."""
    started = time.monotonic()
    wanted = str(options.to) if options.to is not None else None
    with promoting.opened(options.project) as name:
        answered = promoting.proven_ahead(name, lambda: _target(name, wanted))
        notice = promotion.reconcile(name)
        now, target = promoting.serving(name), _target(name, wanted)
        model, proof = promoting.proven(name, target.version, answered)
        evidence = promoting.evidence(model, proof) | {"served_before": target.number}
        digest = model.artifact.digest
        entry = promotion.move(name, model.version, digest, "rollback", "rollback", options.why, evidence, now.version)
    sentence = f"version {model.version} ({digest[:12]}) serves again, version {now.version} no longer."
    promoting.tell(options, entry, started, notice, sentence, proof)
    return 0


def _target(project: str, wanted: str | None) -> Entry:
    """The decision by which the version served that shall serve again."""
    now = promoting.serving(project)
    if wanted is None:
        found = promotion.earlier(project)
        if found is None:
            raise UsageError(
                f"There is nothing to roll {project} back to",
                expected=f"a version that served before version {now.version} and was not rolled back from",
                found="none",
                action="Name one with --to, or another with `keepfit promote`",
            )
        return found
    if wanted == now.version:
        raise UsageError(f"Version {wanted} of {project} serves already", action="See `keepfit ledger`")
    served = [entry for entry in ledger.entries(project, None, SERVING) if entry.serves]
    found = next((entry for entry in served if entry.version == wanted), None)
    if found is None:
        others = dict.fromkeys(entry.version for entry in served if entry.version != now.version)
        raise UsageError(
            f"Version {wanted} of {project} never served",
            expected=f"one of {', '.join(others)}" if others else "a version that served before",
            action=f"`keepfit promote --version {wanted}` makes a version serve that did not yet",
        )
    return found
