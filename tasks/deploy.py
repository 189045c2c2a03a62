"""Make the model the champion, if every gate holds; otherwise the champion before goes on serving."""

from __future__ import annotations

from typing import Any

from tasks.core import ledger, lineage, promotion, store, tracking
from tasks.core.errors import Refused
from tasks.core.gates import Gate, better, minimum, not_broken, not_worse, parity
from tasks.core.model_records import Champion, Deployment, Evaluation, TrainedModel, Verification, Waits
from tasks.core.step import action
from tasks.retraining.acceptance import Acceptance
from tasks.retraining.gate import NON_INFERIORITY_T
from tasks.retraining.trigger import Trigger
from tasks.scoring.scorer import Scorer


@action
def deploy(
    project: str,
    model: TrainedModel,
    verification: Verification,
    evaluation: Evaluation,
    acceptance: Acceptance,
    trigger: Trigger,
    champion: Champion | None,
    waits: Waits = "",
) -> Deployment:
    """The decision, with its reasons; the alias `champion` has moved if it was accepted.

    Where something serves already, and the project says that a new model `waits`, it is the challenger until then.

    `champion` is the one that the model was compared with: when another one serves by now, the model is refused. One
    that corrects it is no other: the model then replaces both.
    """
    notice = promotion.reconcile(project)
    previous = champion.version if champion else None
    version = tracking.version_of(project, model.digest)
    by_hand = trigger.kind == "manual"
    gates = [
        *judge(verification, evaluation, acceptance, by_hand),
        *_rolled_back(project, version),
        *_taken_back(project, version),
    ]
    if version is None:
        card = Scorer.open(store.path(model.artifact), model.digest).card
        version = tracking.register(project, model.artifact, card)
    serves = _trained(project)
    waits = waits if serves not in (None, version) and all(gate.held for gate in gates) else ""
    if waits and serves != previous:
        compared = f"version {previous}" if previous else "nothing"
        gates.append(Gate(held=False, sentence=f"Compared with {compared}, and version {serves} serves by now"))
        previous, waits = serves, ""
    elif waits:
        _wait(
            project, version, model.digest, trigger, _evidence(gates, evaluation, trigger) | {"waits": waits}, previous
        )
    elif all(gate.held for gate in gates):
        # Moved last: whoever follows the alias finds a version that is registered and described.
        tracking.describe(project, version, "champion", _reasons(gates), previous)
        try:
            if serves != version:
                evidence = _evidence(gates, evaluation, trigger)
                cause, why = trigger.kind, trigger.evidence
                promotion.move(project, version, model.digest, "champion", cause, why, evidence, previous)
        except Refused as overtaken:
            gates.append(Gate(held=False, sentence=str(overtaken)))
            previous = _trained(project)
    accepted = all(gate.held for gate in gates)
    if not accepted:
        tracking.describe(project, version, "refused", _reasons(gates), previous)
        evidence = _evidence(gates, evaluation, trigger)
        promotion.challenge(project, version, model.digest, "refused", trigger.kind, trigger.evidence, evidence)
    return Deployment(
        project=project,
        accepted=accepted,
        reasons=(*_reasons(gates), *([notice] if notice else [])),
        version=version,
        digest=model.digest,
        previous=previous,
        waits=waits,
    )


def _trained(project: str) -> str | None:
    """The version that serves, or that the one corrects which serves."""
    serves = tracking.standing(project).champion
    return serves and lineage.trained(project, serves)


def _wait(
    project: str, version: str, digest: str, trigger: Trigger, evidence: dict[str, Any], previous: str | None
) -> None:
    """Make the version the challenger, unless it is already and has begun to prove itself."""
    newest = next(iter(ledger.entries(project, 1, version=version)), None)
    begun = newest is not None and newest.decision in ("challenger", "shadow_started", "canary_started")
    if begun and tracking.standing(project).challenger == version:
        return
    tracking.describe(project, version, "challenger", tuple(evidence["reasons"]), previous)
    promotion.challenge(project, version, digest, "challenger", trigger.kind, trigger.evidence, evidence)


def _reasons(gates: list[Gate]) -> tuple[str, ...]:
    """What did not hold comes first: it is what a person looks for."""
    return tuple(gate.sentence for gate in sorted(gates, key=lambda gate: gate.held))


def _evidence(gates: list[Gate], evaluation: Evaluation, trigger: Trigger) -> dict[str, Any]:
    return {
        "gates": [gate.model_dump() for gate in gates],
        "reasons": _reasons(gates),
        "metric": evaluation.metric,
        "metrics": {each.name: [each.value, each.low, each.high] for each in evaluation.metrics},
        "n_rows": evaluation.n_rows,
        "run": tracking.run_id(),
        **trigger.model_dump(mode="json", include={"request", "verdict"}, exclude_none=True),
    }


def _rolled_back(project: str, version: str | None) -> list[Gate]:
    """That the very same model was found wanting when it served: figures on old rows do not outweigh that."""
    if version is None or (left := promotion.rolled_back(project).get(version)) is None:
        return []
    why = f" ({left.why})" if left.why else ""
    return [
        Gate(
            held=False,
            sentence=f"The same model served as version {version} and was rolled back from on "
            f"{left.at:%Y-%m-%d}{why}; `keepfit promote --version {version}` makes it serve again",
        )
    ]


def _taken_back(project: str, version: str | None) -> list[Gate]:
    """That the very same model broke its limits when it answered beside the champion."""
    newest = next(iter(ledger.entries(project, 1, version=version)), None) if version is not None else None
    if newest is None or newest.evidence.get("result") != "taken back":
        return []
    sentence = f"The same model answered beside the champion and was taken back on {newest.at:%Y-%m-%d}: {newest.why}"
    return [Gate(held=False, sentence=f"{sentence}; `keepfit promote --version {version}` makes it serve all the same")]


def judge(
    verification: Verification, evaluation: Evaluation, acceptance: Acceptance, by_hand: bool = True
) -> list[Gate]:
    """Every gate that the project has on, held or not.

    A model that cannot be compared with the champion is accepted when a person trained it (`by_hand`): who changed what
    is learned from knows why. Nobody vouches for the one that a schedule or a drift asked for.
    """
    gates = [parity(verification, acceptance.parity)]
    if acceptance.baseline == "better":
        gates.append(better(evaluation.baseline, "the baseline"))
    if evaluation.champion is not None and acceptance.champion == "better":
        gates.append(better(evaluation.champion, "the champion"))
    if evaluation.champion is not None and acceptance.champion == "not_worse":
        gates.append(not_worse(evaluation.champion, NON_INFERIORITY_T))
    if evaluation.record is not None and acceptance.champion != "off":
        gates.append(not_broken(evaluation.record, NON_INFERIORITY_T))
    if evaluation.incomparable and acceptance.champion != "off":
        vouch = "" if by_hand else ". Train it by hand, if it shall serve all the same"
        sentence = f"Not compared with the champion. {evaluation.incomparable}{vouch}"
        gates.append(Gate(held=by_hand, sentence=sentence))
    gates += [minimum(evaluation, name, bound) for name, bound in sorted(acceptance.minimum.items())]
    return gates
