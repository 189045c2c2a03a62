"""`keepfit status`: what serves, since when and why, and where everything is."""

from __future__ import annotations

import argparse
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from textwrap import shorten

from flows import asked, challenger, services
from flows.asked import MINUTE
from flows.printed import in_json
from flows.printed.ageing import ShownAgeing
from flows.printed.status import Serving, Status, Told, Watched
from flows.services import standing
from tasks.core import clock, ledger, newest_window, promotion, roles, store, tracking
from tasks.core.errors import Unavailable
from tasks.core.ledger import Entry
from tasks.core.project_file import project_file, project_name
from tasks.core.roles import Roles
from tasks.retraining import aged, verdicts

N_DECISIONS = 5
LONGEST, ELLIPSIS = 120, " …"
"""Signs of a decision's reason; `keepfit ledger` has all of it."""


def run(options: argparse.Namespace) -> int:
    """Print the project's state; a project that was never trained has one too."""
    name = project_name(options.project)
    home = store.home_of(project_file(options.project).parent)
    if not home.exists():
        status = Status(project=name, champion=None, verdict=None, decisions=(), home=str(home))
    else:
        with store.opened(home):
            status = _status(name, home)
    print(in_json(status) if options.json else _in_words(status))
    return 0


def _status(name: str, home: Path) -> Status:
    notice, serving = "", None
    with suppress(Unavailable):  # MLflow away, or no champion yet
        notice = promotion.reconcile(name)
    with suppress(Unavailable):
        serving = roles.serving(name)
    address = tracking.shown_address()
    shown = address if address.startswith("http") else f"mlflow ui --backend-store-uri {address}"
    report = home / "reports" / f"{name}.html"
    server, where = services.state(home), standing.addresses_of(home)
    return Status(
        project=name,
        champion=_serving(serving) if serving else None,
        challenger=challenger.shown(name, serving),
        notice=notice or None,
        verdict=_verdict(name),
        asked=asked.shown(name),
        decisions=tuple(ledger.entries(name, N_DECISIONS)),
        ageing=ShownAgeing.told(aged.known(serving.champion.trained.artifact.digest)) if serving else None,
        monitoring=_watched(name, home),
        home=str(home),
        report=str(report) if report.exists() else None,
        page=where.page if where else None,
        mlflow=where.mlflow if where else shown,
        prefect=server["url"] if server else None,
    )


def _watched(name: str, home: Path) -> Watched | None:
    """The newest judged window in short, and when the next is due; None when none was judged."""
    window = newest_window.known(home, name)
    if window is None:
        return None
    page = newest_window.pages(home, name) / "newest.html"
    return Watched(
        window=window.window,
        version=window.version,
        state=window.state,
        summary=window.summary,
        incident=window.incident,
        alarms_promised=window.alarms_promised,
        alarms_spent=window.alarms_spent,
        judged=window.judged,
        verdict=window.verdict,
        worst=window.columns[0] if window.columns else None,
        due=newest_window.due(window, clock.now()),
        report=str(page) if page.exists() else None,
    )


def _verdict(project: str) -> Told | None:
    newest = next(iter(verdicts.newest(project)), None)
    return None if newest is None else Told(**dict(newest.verdict), at=newest.at)


def _serving(found: Roles) -> Serving:
    """The champion: a correction also with the version that it `corrects`."""
    model, since = found.champion, datetime.fromisoformat(found.since) if found.since else None
    corrects = model.base.version if model.base else None
    return Serving(version=model.version, digest=model.artifact.digest, corrects=corrects, since=since)


def _in_words(status: Status) -> str:
    champion = status.champion
    serving = f"version {champion.version} ({champion.digest[:12]})" if champion else "none yet"
    if champion and champion.corrects:
        serving += f", a correction of version {champion.corrects}"
    lines = [f"{status.project}: champion {serving}, in {status.home}"]
    if rival := status.challenger:
        lines.append(f"version {rival.version} is the challenger: {rival.words}")
    lines += [status.notice] if status.notice else []
    if verdict := status.verdict:
        lines.append(f"  {verdict.at:{MINUTE}}  {verdict.sentence}")
    lines += [status.asked.words] if status.asked else []
    lines += [_decided(entry) for entry in status.decisions]
    if (ageing := status.ageing) and ageing.curve and ageing.of is None:  # where gains decide, the one before it had it
        lines.append(f"Ageing   {ageing.words}")
    lines += _monitored(status.monitoring) if champion else []
    if pages := [page for page in (status.report, status.monitoring and status.monitoring.report) if page]:
        lines.append(f"Reports  {'  '.join(pages)}")
    places = {"Page": status.page, "MLflow": status.mlflow, "Prefect": status.prefect}
    lines += [f"{title:<8} {place}" for title, place in places.items() if place]
    if not status.prefect:
        lines.append("Prefect  not running; `keepfit train` starts it")
    return "\n".join(lines)


def _decided(entry: Entry) -> str:
    reasons = entry.evidence.get("reasons")
    why = entry.why or (str(reasons[0]) if isinstance(reasons, list) and reasons else "")
    told = f"{entry.cause}{f': {shorten(why, LONGEST, placeholder=ELLIPSIS)}' if why else ''}"
    return f"  {entry.at:{MINUTE}}  version {entry.version:<4} {entry.decision:<9} {told}"


def _monitored(watched: Watched | None) -> list[str]:
    if watched is None:
        return ["Monitoring: no day is judged yet; `keepfit monitor` judges each one that is over"]
    worst, promised, due = watched.worst, watched.alarms_promised, watched.due
    of_false = "" if promised is None else f", of false ones {promised:.2f} promised at most"
    when = "now" if due <= clock.now() else f"{due:{MINUTE}} UTC"
    most = f"; {worst.column}: {worst.words}" if worst else ""
    told = f"Monitoring: {watched.window}, version {watched.version}: {watched.summary}{most}"
    alarms = f"{watched.alarms_spent} alarm{'' if watched.alarms_spent == 1 else 's'} so far{of_false}"
    return [told, f"      {alarms}; judged {watched.judged:{MINUTE}} UTC, next due {when}"]
