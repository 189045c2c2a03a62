"""`keepfit status`: what serves, since when and why, and where everything is."""

from __future__ import annotations

import argparse
import json
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from textwrap import shorten
from typing import Any

from flows import challenger, services
from flows.services import standing
from tasks.core import clock, ledger, newest_window, promotion, roles, store, tracking
from tasks.core.errors import Unavailable
from tasks.core.model_records import Champion
from tasks.core.project_file import project_file, project_name
from tasks.retraining import verdicts

N_DECISIONS = 5
LONGEST, ELLIPSIS = 120, " …"
"""Signs of a decision's reason; `keepfit ledger` has all of it."""
SHOWN = ("window", "version", "state", "summary", "incident", "alarms_spent", "alarms_promised", "judged", "verdict")
"""What is shown of the newest judged window."""


def run(options: argparse.Namespace) -> int:
    """Print the project's state; a project that was never trained has one too."""
    name = project_name(options.project)
    home = store.home_of(project_file(options.project).parent)
    if not home.exists():
        outcome: dict[str, Any] = {
            "project": name,
            "champion": None,
            "verdict": None,
            "decisions": [],
            "home": str(home),
        }
    else:
        with store.opened(home):
            outcome = _outcome(name, home)
    print(json.dumps(outcome) if options.json else _in_words(outcome))
    return 0


def _outcome(name: str, home: Path) -> dict[str, Any]:
    notice, serving = "", None
    with suppress(Unavailable):  # MLflow away, or no champion yet
        notice = promotion.reconcile(name)
    with suppress(Unavailable):
        serving = roles.serving(name)
    address = tracking.shown_address()
    shown = address if address.startswith("http") else f"mlflow ui --backend-store-uri {address}"
    report = home / "reports" / f"{name}.html"
    server, up = services.state(home), (standing.found(home) or {}).get("addresses", {})
    return {
        "project": name,
        "champion": _shown(serving.champion) | {"since": serving.since} if serving else None,
        "challenger": challenger.shown(name, serving),
        "notice": notice or None,
        "verdict": _verdict(name),
        "decisions": [entry.model_dump(mode="json") for entry in ledger.entries(name, N_DECISIONS)],
        "monitoring": _watched(name, home),
        "home": str(home),
        "report": str(report) if report.exists() else None,
        "page": up.get("page"),
        "mlflow": up.get("mlflow") or shown,
        "prefect": server["url"] if server else None,
    }


def _watched(name: str, home: Path) -> dict[str, Any] | None:
    """The newest judged window in short, and when the next is due; None when none was judged."""
    window = newest_window.known(home, name)
    if window is None:
        return None
    page = newest_window.pages(home, name) / "newest.html"
    due = newest_window.due(window, clock.now())
    told = window.model_dump(mode="json", include=set(SHOWN))
    worst = window.columns[0].model_dump() if window.columns else None
    return {**told, "worst": worst, "due": due.isoformat(), "report": str(page) if page.exists() else None}


def _verdict(project: str) -> dict[str, Any] | None:
    newest = next(iter(verdicts.newest(project)), None)
    return None if newest is None else {"at": newest.at.isoformat(), **newest.verdict.model_dump(mode="json")}


def _shown(model: Champion) -> dict[str, Any]:
    """A correction also with the version that it `corrects`; others with null there."""
    corrects = model.base.version if model.base else None
    return {"version": model.version, "digest": model.artifact.digest, "corrects": corrects}


def _in_words(outcome: dict[str, Any]) -> str:
    champion = outcome["champion"]
    serving = f"version {champion['version']} ({champion['digest'][:12]})" if champion else "none yet"
    if champion and champion["corrects"]:
        serving += f", a correction of version {champion['corrects']}"
    lines = [f"{outcome['project']}: champion {serving}, in {outcome['home']}"]
    if rival := outcome.get("challenger"):
        lines.append(f"version {rival['version']} is the challenger: {rival['words']}")
    lines += [outcome["notice"]] if outcome.get("notice") else []
    if verdict := outcome.get("verdict"):
        lines.append(f"  {verdict['at'][:16]}  {verdict['sentence']}")
    for row in outcome["decisions"]:
        why = next(iter([row["why"]] if row["why"] else row["evidence"].get("reasons", [])), "")
        told = f"{row['cause']}{f': {shorten(why, LONGEST, placeholder=ELLIPSIS)}' if why else ''}"
        lines.append(f"  {row['at'][:16]}  version {row['version']:<4} {row['decision']:<9} {told}")
    lines += _monitored(outcome.get("monitoring")) if champion else []
    watched = outcome.get("monitoring") or {}
    if pages := [page for page in (outcome.get("report"), watched.get("report")) if page]:
        lines.append(f"Reports  {'  '.join(pages)}")
    places = {"page": "Page", "mlflow": "MLflow", "prefect": "Prefect"}
    lines += [f"{title:<8} {outcome[key]}" for key, title in places.items() if outcome.get(key)]
    if not outcome.get("prefect"):
        lines.append("Prefect  not running; `keepfit train` starts it")
    return "\n".join(lines)


def _monitored(watched: dict[str, Any] | None) -> list[str]:
    if watched is None:
        return ["Monitoring: no day is judged yet; `keepfit monitor` judges each one that is over"]
    worst, promised = watched["worst"], watched["alarms_promised"]
    of_false = "" if promised is None else f", of false ones {promised:.2f} promised at most"
    when = "now" if datetime.fromisoformat(watched["due"]) <= clock.now() else f"{watched['due'][:16]} UTC"
    most = f"; {worst['column']}: {worst['words']}" if worst else ""
    told = f"Monitoring: {watched['window']}, version {watched['version']}: {watched['summary']}{most}"
    alarms = f"{watched['alarms_spent']} alarm{'' if watched['alarms_spent'] == 1 else 's'} so far{of_false}"
    return [told, f"      {alarms}; judged {watched['judged'][:16]} UTC, next due {when}"]
