"""Making a version the champion, so that a kill anywhere or another one at the same time leaves one truth.

A move is (a) a row of the ledger, whose unique number decides between two at once, (b) the alias in MLflow, (c) the
row's number as a tag beside it, (d) the file that servers follow. What a kill leaves undone shows in the tag:
`reconcile` completes it, and tells it from an alias that somebody moved in MLflow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import quote

from tasks.core import database, ledger, lineage, locks, roles, store, tracking
from tasks.core.errors import Refused
from tasks.core.ledger import SERVING, Entry


def move(
    project: str,
    version: str,
    digest: str,
    decision: Literal["champion", "rollback"],
    cause: str,
    why: str,
    evidence: Mapping[str, Any],
    expected_previous: str | None,
) -> Entry:
    """Make the version the champion, and return the ledger's row.

    Refused when `expected_previous` serves no longer, nor a correction of it.
    """
    while True:
        previous = _standing_for(project, expected_previous)

        def unless(now: Entry | None, previous: str | None = previous) -> None:
            if _version(now) != previous:
                raise _overtaken(project, version, expected_previous, now)

        try:
            entry = ledger.append(
                project,
                decision,
                version,
                digest,
                previous=previous,
                cause=cause,
                why=why,
                evidence=evidence,
                unless=unless,
            )
        except Refused:
            if _standing_for(project, expected_previous) == previous:
                raise
            continue  # a correction came, or went, between the two looks
        _follow(project)
        return entry


def challenge(
    project: str,
    version: str,
    digest: str,
    decision: Literal["refused", "challenger"],
    cause: str,
    why: str,
    evidence: Mapping[str, Any],
) -> None:
    """Make the version the challenger; what is the project's newest decision already is not written twice."""
    newest = ledger.entries(project, limit=1)
    if not newest or (newest[0].decision, newest[0].version) != (decision, version):
        previous = _version(ledger.serving_since(project))
        ledger.append(project, decision, version, digest, previous=previous, cause=cause, why=why, evidence=evidence)
    champion = tracking.standing(project).champion
    if champion != version:
        tracking.set_alias(project, "challenger", version)
    if champion is not None:
        roles.refresh(project)


def reconcile(project: str) -> str:
    """Complete what a kill left undone, and take note of what was moved in MLflow: a sentence, or "" for nothing."""
    entry, standing, here = ledger.serving_since(project), tracking.standing(project), database.identity()
    digest = tracking.digest_of(project, standing.champion) if standing.champion else None
    named = standing.champion if digest else None  # what no keepfit registered cannot serve
    if entry is None and named is None:
        return ""
    if entry is not None and _is_behind(standing, entry, here) and _exists(project, entry):
        _follow(project)
        return f"Decision {entry.number} was interrupted and is now complete: version {entry.version} is the champion."
    before = _version(entry)
    if named == before:
        if (standing.number, standing.database) != (entry and entry.number, here) or not _is_followed(project, entry):
            _follow(project)
        return ""

    def unless(now: Entry | None) -> None:
        if _version(now) != before:
            raise _overtaken(project, named or "", before, now)

    adopted = entry is None
    why = "It served when this ledger began" if adopted else "The alias was moved in MLflow"
    try:
        ledger.append(
            project,
            "withdrawn" if named is None else "champion",
            named or str(before),
            digest or (entry.digest if entry else ""),
            previous=before,
            cause="mlflow",
            actor="unknown",
            why=why,
            evidence=lineage.evidence(tracking.model(project, named) if named is not None else None),
            unless=unless,
        )
    except Refused:
        return ""  # another process has moved it or has noted the same
    _follow(project)
    if named is None:
        return f"The alias champion of version {before} was taken away in MLflow: nothing serves."
    return f"{why}: version {named} is the champion{'' if adopted else f', no longer {before}'}."


def rolled_back(project: str) -> dict[str, Entry]:
    """The versions that were rolled back from and did not serve since, each with the decision that did it."""
    left: dict[str, Entry] = {}
    for entry in reversed(ledger.entries(project, None, SERVING)):
        left.pop(entry.version, None)
        if entry.decision == "rollback" and entry.previous is not None:
            left[entry.previous] = entry
    return left


def earlier(project: str) -> Entry | None:
    """The decision by which the version before the present one served, leaving out those rolled back from.

    Before a correction that is the model which it corrects, and before that model none of its corrections.
    """
    entries, left = ledger.entries(project, None, SERVING), rolled_back(project)
    if not entries:
        return None
    now, corrected = entries[0].version, lineage.corrected(entries)
    own = {each for each, of in corrected.items() if of == corrected.get(now, now)}
    return next((entry for entry in entries if entry.serves and entry.version not in {now, *own, *left}), None)


def _follow(project: str) -> None:
    """Make alias, tag and file say what the ledger says now; it may be more than the caller's own decision."""
    with locks.held(store.home() / "locks" / f"{quote(project, safe=' ')}.champion.lock"):
        entry, standing, here = ledger.serving_since(project), tracking.standing(project), database.identity()
        assert entry is not None
        if entry.serves is not None:
            if standing.champion != entry.version:
                tracking.set_alias(project, "champion", entry.version)
            if standing.challenger == entry.version:
                tracking.drop_alias(project, "challenger")
        if (standing.number, standing.database) != (entry.number, here):
            tracking.mark(project, entry.number, here)
        if entry.serves is not None:
            roles.refresh(project)


def _is_behind(standing: tracking.Standing, entry: Entry, here: str) -> bool:
    """Whether the alias follows an earlier decision of this ledger than its newest.

    A tag of another ledger says nothing about this one. Where there is none yet, an entry without an actor is from
    before there were tags, when the alias was the truth.
    """
    if standing.database:
        return standing.database == here and standing.number < entry.number
    return entry.actor != "" and entry.cause != "mlflow"


def _exists(project: str, entry: Entry) -> bool:
    return entry.serves is None or tracking.digest_of(project, entry.serves) is not None


def _is_followed(project: str, entry: Entry | None) -> bool:
    found = roles.known(project)
    return entry is None or entry.serves is None or (found is not None and found.number == entry.number)


def _standing_for(project: str, version: str | None) -> str | None:
    """The correction that serves in the version's place; else the version."""
    now = _version(ledger.serving_since(project))
    return now if now is not None and version is not None and lineage.trained(project, now) == version else version


def _version(entry: Entry | None) -> str | None:
    return entry.serves if entry is not None else None


def _overtaken(project: str, version: str, expected: str | None, now: Entry | None) -> Refused:
    what = f"Version {version} of {project} did not become the champion"
    wanted = f"version {expected} to serve still" if expected else "that nothing serves yet"
    if now is None or now.serves is None:
        return Refused(what, expected=wanted, found="nothing serves", action="Ask again")
    when = f"{now.at:%Y-%m-%d %H:%M} UTC"
    return Refused(
        what,
        expected=wanted,
        found=f"version {now.version}, which {now.actor} made the champion meanwhile ({now.cause}, {when})",
        action=f"See `keepfit ledger`, and ask again if {version} shall serve all the same",
    )
