"""How each trained model ages, kept by its digest: what serves is asked for it without a fit."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from tasks.core import store
from tasks.core.age_curve import AgeCurve, Ageing, window
from tasks.core.model_records import Champion
from tasks.retraining import gains
from tasks.retraining.ageing import in_windows
from tasks.retraining.policy import Retrain


def keep(digest: str, ageing: Ageing) -> None:
    """Let it be found by the model's digest, before the model may serve."""
    _file(digest).parent.mkdir(exist_ok=True)
    store.write_file(_file(digest), ageing.model_dump_json(indent=1).encode())


def known(digest: str) -> Ageing | None:
    """How the model ages; None where it was trained before this was measured, or elsewhere."""
    try:
        return Ageing.model_validate_json(_file(digest).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def curve(digest: str, policy: Retrain) -> AgeCurve | None:
    """The model's curve in the policy's windows, whichever it was measured in; None where there is none."""
    found = known(digest)
    if found is None or found.curve is None:
        return None
    return in_windows(found.curve, window(found.every), policy.window)


def before(project: str, champion: Champion | None, policy: Retrain) -> Ageing | None:
    """The champion's own, which a new model takes over where a gain of the champion was measured.

    What decides is then the gain; the curve is only to bridge the windows before the next one. Where no outcome comes
    it is all there is, and is measured anew.
    """
    if champion is None or "gain" not in policy.on or not gains.read(project, champion.artifact.digest):
        return None
    found = known(champion.artifact.digest)
    if found is None or found.curve is None or found.every != policy.every:
        return None
    return found.model_copy(update={"of": found.of or champion.artifact.digest})


def _file(digest: str) -> Path:
    return store.home() / "ageing" / f"{digest}.json"
