"""The correction served live: after a window was measured it serves while it helps, and its base when it does not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any
from urllib.parse import quote

from flows import promoting
from tasks.core import clock, ledger, lineage, locks, promotion, roles, store, tracking
from tasks.core.errors import DataError, Refused
from tasks.core.gates import Gate, parity
from tasks.core.model_records import Champion, ModelCard, Waits
from tasks.correct import correct
from tasks.monitoring import kept, watch
from tasks.retraining import gains
from tasks.retraining.acceptance import Acceptance
from tasks.retraining.correcting import CAUSE, Step, known_for, step
from tasks.retraining.policy import Retrain
from tasks.retraining.verdict import Verdict
from tasks.scoring.scorer import Scorer
from tasks.serving.logged import treatments
from tasks.serving.section import Log
from tasks.verify import verify


@dataclass(frozen=True)
class Terms:
    """What project.yaml says of a correction: whether one serves, what it must hold, how its rows are logged."""

    retrain: Retrain
    acceptance: Acceptance
    log: Log
    waits: Waits


def follow(project: str, terms: Terms, verdict: Verdict) -> str:
    """Let what helps serve, and say in a sentence what was done; "" where nothing was.

    A kill anywhere leaves what serves as it was, or a decision of the ledger that the next look completes.
    """
    if verdict.action in ("incident", "rollback"):
        return ""  # nothing is learnt from broken rows, and what was just left alone is left alone
    now = clock.now()
    with locks.held(store.home() / "locks" / f"{quote(project, safe=' ')}.correction.lock"):
        promotion.reconcile(project)
        champion = roles.serving(project).champion
        measured = gains.recent(project, now - known_for(terms.retrain))
        gate = terms.acceptance.champion
        found = step(champion, ledger.entries(project, None), measured, terms.retrain, gate, terms.waits)
        if found.action == "nothing":
            return found.why
        try:
            if found.action == "return":
                return _return(project, champion, found)
            return _serve(project, champion, found, terms, datetime.combine(now.date(), time(), UTC))
        except (DataError, Refused) as exc:  # nothing else depends on it, and what serves goes on
            return f"No correction serves anew. {exc}"


def _serve(project: str, champion: Champion, found: Step, terms: Terms, until: datetime) -> str:
    """Make the correction, prove it, and let it serve from now on."""
    base = champion.trained
    scorer = Scorer.open(store.path(base.artifact), base.artifact.digest)
    if watch.lost(scorer.card, treatments(scorer.card, terms.log)):
        return ""
    model = correct(project, base, terms.retrain, until)
    gates = [parity(verify.fn(model), terms.acceptance.parity), Gate(held=True, sentence=found.why)]
    reasons = tuple(gate.sentence for gate in gates)
    card = Scorer.open(store.path(model.artifact), model.digest).card
    tags = {"keepfit.trigger": CAUSE, "keepfit.evidence": found.why}
    with tracking.run(project, f"correction of version {base.version}", _parameters(card), tags):
        version = tracking.version_of(project, model.digest) or tracking.register(project, model.artifact, card)
        kept.keep(model.digest, kept.known(base.artifact.digest))
        held = all(gate.held for gate in gates)
        tracking.describe(project, version, "champion" if held else "refused", reasons, base.version)
        evidence: dict[str, Any] = {
            **lineage.evidence(Champion(version=version, artifact=model.artifact, base=base)),
            "window": found.window,
            "gates": [gate.model_dump() for gate in gates],
            "reasons": reasons,
            "run": tracking.run_id(),
        }
    serves, digest = champion.version, model.digest
    if not held:
        ledger.append(
            project, "refused", version, digest, previous=serves, cause=CAUSE, why=reasons[0], evidence=evidence
        )
        return f"Version {version} is refused. {reasons[0]}."
    entry = promotion.move(project, version, digest, "champion", CAUSE, found.why, evidence, serves)
    return f"Version {version} serves (decision {entry.number}). {found.why}."


def _return(project: str, champion: Champion, found: Step) -> str:
    """Let the trained model serve by itself again."""
    model, proof = promoting.proven(project, champion.trained.version, {})
    evidence = promoting.evidence(model, proof) | {"window": found.window}
    entry = promotion.move(
        project, model.version, model.artifact.digest, "champion", CAUSE, found.why, evidence, champion.version
    )
    return f"{found.why} (decision {entry.number})."


def _parameters(card: ModelCard) -> dict[str, str]:
    assert card.corrects is not None
    return {f"corrects.{name}": str(value) for name, value in card.corrects.model_dump().items()}
