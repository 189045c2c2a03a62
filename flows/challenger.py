"""The challenger as a person asks for it: what it waits for, and how far it has come."""

from __future__ import annotations

from flows.printed.status import Challenger
from tasks.core import ledger, trials
from tasks.core.roles import Roles


def shown(project: str, roles: Roles | None) -> Challenger | None:
    """The challenger's version and digest, what it `waits` for, its `trial`, and that in words; None without one."""
    if roles is None or roles.challenger is None:
        return None
    model = roles.challenger
    entry = next(iter(ledger.entries(project, 1, ("challenger",), model.version)), None)
    waits = None if roles.challenger_refused or entry is None else entry.evidence.get("waits")
    waits = None if waits is None else str(waits)
    trial = trials.known(project)
    trial = trial if trial is not None and trial.digest == model.artifact.digest else None
    told = [f"{trial.kind}, {_counted(trial, bool(waits))}"] if trial else []
    if roles.challenger_refused:
        told.append("refused by a gate")
    elif waits not in ("shadow", "canary"):
        told.append(f"it waits for `keepfit promote --version {model.version}`")
    elif trial is None:
        told.append(f"{waits}, no request yet; it is asked while `keepfit serve` runs")
    digest, words = model.artifact.digest, "; ".join(told)
    return Challenger(version=model.version, digest=digest, waits=waits, trial=trial, words=words)


def _counted(trial: trials.Trial, ends: bool) -> str:
    failed = f" ({trial.failed:,} failed)" if trial.failed else ""
    return f"{trial.asked:,} of {trial.needed:,} requests{failed}" if ends else f"{trial.asked:,} requests{failed}"
