"""A challenger that answered enough beside the champion serves from then on; one that broke its limits does no longer.

The server's own process decides it, by what those that answer have counted: they know no registry.
"""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from pathlib import Path
from typing import Any

from tasks.core import ledger, lineage, promotion, roles, tracking, trials
from tasks.core.errors import Refused
from tasks.core.ledger import Decision, Entry
from tasks.core.model_records import Champion
from tasks.core.roles import Roles
from tasks.core.trials import Kind, Trial
from tasks.serving.canary import lower
from tasks.serving.lineup import Served
from tasks.serving.section import Serve

LEAST = 200
"""Requests before failures are judged."""
ERRORS = 0.01
"""Share of the requests at which a challenger in the shadow may fail: what a canary may, if nothing else is said."""

STARTED: dict[Kind, Decision] = {"shadow": "shadow_started", "canary": "canary_started"}
ENDED: dict[Kind, Decision] = {"shadow": "shadow_ended", "canary": "canary_ended"}

log = logging.getLogger("keepfit.serving")


class Proving:
    """Looks after the challengers of a server, whose processes leave their figures in a folder."""

    def __init__(self, figures: Path) -> None:
        self._figures = figures
        self._counted: dict[tuple[str, str, str], tuple[int, int]] = {}

    def look(self, served: Served) -> None:
        """Take what the project's challenger answered meanwhile into account, and decide when it is enough.

        Raises Unavailable where the registry or the ledger is away; what was counted is kept.
        """
        wanted = roles.known(served.name)
        if wanted is None or wanted.challenger is None:
            return
        challenger = wanted.challenger
        for kind, answered, failed in self._new(served.name, challenger.artifact.digest):
            more = Trial(
                version=challenger.version,
                digest=challenger.artifact.digest,
                kind=kind,
                needed=served.serve.trial,
                answered=answered,
                failed=failed,
            )
            _, begins = trials.add(served.name, more)
            if begins:
                _tell(served.name, STARTED[kind], challenger, wanted, "", {})
        trial = trials.known(served.name)
        if trial is None or trial.digest != challenger.artifact.digest or wanted.challenger_refused:
            return
        if why := broken(trial, served.serve):
            take_back(served.name, ENDED[trial.kind], challenger, why)
        elif trial.asked >= served.serve.trial:
            _promote(served.name, wanted, challenger, trial)

    def _new(self, project: str, digest: str) -> list[tuple[Kind, int, int]]:
        """What each process counted of this model since the last look: its kind, answers and failures."""
        found: list[tuple[Kind, int, int]] = []
        for file in self._figures.glob("*.json"):
            with suppress(OSError, json.JSONDecodeError, KeyError):
                beside = json.loads(file.read_bytes())[project]["beside"]
                if beside["digest"] != digest:
                    continue
                key, now = (project, file.stem, digest), (int(beside["answered"]), int(beside["failed"]))
                before = self._counted.get(key, (0, 0))
                # A process that was started again counts from nothing.
                before = before if now[0] >= before[0] and now[1] >= before[1] else (0, 0)
                if now != before:
                    found.append((beside["kind"], now[0] - before[0], now[1] - before[1]))
                self._counted[key] = now
        return found


def broken(trial: Trial, serve: Serve) -> str:
    """Why the challenger must be taken back by what all processes counted; empty while it need not."""
    allowed = ERRORS
    if trial.kind == "canary" and serve.canary is not None:
        allowed = serve.canary.errors + serve.canary.refused
    if trial.asked >= LEAST and lower(trial.failed, trial.asked) > allowed:
        return f"{trial.failed:,} of {trial.asked:,} requests failed"
    return ""


def take_back(project: str, decision: Decision, challenger: Champion, why: str) -> None:
    """The model is the challenger no longer, and the ledger says why; once, whoever says so first."""
    log.warning("Version %s of %s is taken back: %s", challenger.version, project, why)
    _tell(project, decision, challenger, roles.known(project), why, {"result": "taken back"})
    if tracking.standing(project).challenger == challenger.version:
        tracking.drop_alias(project, "challenger")
    roles.refresh(project)


def _promote(project: str, wanted: Roles, challenger: Champion, trial: Trial) -> None:
    """Let the challenger serve, if a training put it there: one that a person did is that person's."""
    accepted = _accepted(project, challenger.version)
    if accepted is None or accepted.evidence.get("waits") not in ("shadow", "canary"):
        return
    serves = wanted.champion.trained.version
    ended = ENDED[trial.kind]
    if accepted.previous is None or lineage.trained(project, accepted.previous) != serves:
        why = f"It was compared with version {accepted.previous}, and version {serves} serves by now"
        take_back(project, ended, challenger, why)
        return
    beside = "in the shadow" if trial.kind == "shadow" else "as canary"
    why = f"It answered {trial.asked:,} requests {beside} within its limits"
    _tell(project, ended, challenger, wanted, why, {"result": "ok", **trial.model_dump(mode="json")})
    reasons = accepted.evidence.get("reasons")
    told = tuple(map(str, reasons)) if isinstance(reasons, list) else ()
    tracking.describe(project, challenger.version, "champion", (why, *told), serves)
    evidence = {**accepted.evidence, "trial": trial.model_dump(mode="json")}
    try:
        digest = challenger.artifact.digest
        promotion.move(project, challenger.version, digest, "champion", accepted.cause, why, evidence, serves)
    except Refused as overtaken:
        take_back(project, ended, challenger, str(overtaken))


def _accepted(project: str, version: str) -> Entry | None:
    """The decision by which the version is the challenger."""
    return next(iter(ledger.entries(project, 1, ("challenger",), version)), None)


def _tell(
    project: str, decision: Decision, model: Champion, wanted: Roles | None, why: str, evidence: dict[str, Any]
) -> None:
    """Add the decision to the ledger, unless it is the newest of the version already."""
    newest = next(iter(ledger.entries(project, 1, version=model.version)), None)
    if newest is None or (newest.decision, newest.evidence.get("result")) != (decision, evidence.get("result")):
        serves = wanted.champion.version if wanted is not None else None
        digest = model.artifact.digest
        ledger.append(
            project, decision, model.version, digest, previous=serves, cause="serve", why=why, evidence=evidence
        )
