"""`keepfit status`: what serves, since when and why, and where everything is."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from flows import services
from tasks.core import ledger, store, tracking
from tasks.core.errors import Unavailable
from tasks.core.project_file import project_file, project_name

N_DECISIONS = 5


def run(options: argparse.Namespace) -> int:
    """Print the project's state; a project that was never trained has one too."""
    name = project_name(options.project)
    home = store.home_of(project_file(options.project).parent)
    if not home.exists():
        outcome: dict[str, Any] = {"project": name, "champion": None, "decisions": [], "home": str(home)}
    else:
        with store.opened(home):
            outcome = _outcome(name, home)
    print(json.dumps(outcome) if options.json else _in_words(outcome))
    return 0


def _outcome(name: str, home: Path) -> dict[str, Any]:
    try:
        champion = tracking.serving(name)
    except Unavailable:
        champion = None
    address = tracking.shown_address()
    report = home / "reports" / f"{name}.html"
    server = services.state(home)
    return {
        "project": name,
        "champion": {"version": champion.version, "digest": champion.artifact.digest} if champion else None,
        "decisions": [{**row, "at": row["at"].isoformat()} for row in ledger.entries(name, N_DECISIONS)],
        "home": str(home),
        "report": str(report) if report.exists() else None,
        "mlflow": address if address.startswith("http") else f"mlflow ui --backend-store-uri {address}",
        "prefect": server["url"] if server else None,
    }


def _in_words(outcome: dict[str, Any]) -> str:
    champion = outcome["champion"]
    serving = f"version {champion['version']} ({champion['digest'][:12]})" if champion else "none yet"
    lines = [f"{outcome['project']}: champion {serving}"]
    for row in outcome["decisions"]:
        lines.append(f"  {row['at'][:16]}  version {row['version']:<4} {row['decision']:<9} {row['evidence']['cause']}")
        lines += [f"      {reason}" for reason in row["evidence"]["reasons"][:1]]
    places = {"home": "Home", "report": "Report", "mlflow": "MLflow", "prefect": "Prefect"}
    lines += [f"{title:<8} {outcome[key]}" for key, title in places.items() if outcome.get(key)]
    if not outcome.get("prefect"):
        lines.append("Prefect  not running; `keepfit train` starts it")
    return "\n".join(lines)
