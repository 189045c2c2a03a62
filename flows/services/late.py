"""Scheduled runs whose time came while nothing could run them: the newest stands for all of them, the rest are skipped.

Prefect runs every one of them when a worker is back: a week without power gives seven nightly trainings in a row.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from flows.services import rest

LATE = timedelta(minutes=2)
"""Runs that are younger are no backlog: they only wait for the worker's next question."""
PAGE = 200


def skip_late(url: str, now: datetime | None = None) -> dict[str, int]:
    """For each flow run's deployment how many late runs were skipped; `url` is the server's API."""
    now = now or datetime.now(UTC)
    newest: set[str] = set()
    skipped: dict[str, int] = {}
    for run in _late(url, now):
        if (deployment := run["deployment_id"]) not in newest:
            newest.add(deployment)
            continue
        due = run["next_scheduled_start_time"][:16].replace("T", " ")
        message = f"Skipped: it was due at {due} UTC, when nothing ran; the latest missed run stands for it."
        state = {"type": "CANCELLED", "name": "Skipped", "message": message}
        rest.post(f"{url}/flow_runs/{run['id']}/set_state", {"state": state, "force": True})
        skipped[deployment] = skipped.get(deployment, 0) + 1
    return skipped


def _late(url: str, now: datetime) -> list[dict[str, Any]]:
    """The late runs that a schedule made, latest first; what a person or an event asked for is theirs to cancel."""
    runs: list[dict[str, Any]] = []
    filters: dict[str, Any] = {
        "state": {"type": {"any_": ["SCHEDULED"]}},
        "next_scheduled_start_time": {"before_": (now - LATE).isoformat()},
        "deployment_id": {"is_null_": False},
    }
    while True:
        body = {"flow_runs": filters, "sort": "NEXT_SCHEDULED_START_TIME_ASC", "limit": PAGE, "offset": len(runs)}
        page: list[dict[str, Any]] = rest.post(f"{url}/flow_runs/filter", body)
        runs += page
        if len(page) < PAGE:
            break
    return [run for run in reversed(runs) if run["auto_scheduled"]]
