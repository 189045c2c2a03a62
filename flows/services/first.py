"""Flow runs that `keepfit up` asks for: each project's first training, and again what died with its worker."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from flows.services import deployments, standing, trainings
from tasks.core.errors import Unavailable

if TYPE_CHECKING:
    from flows.services.up import Up

TICK_SECONDS = 1.0
DYING = timedelta(seconds=40)
"""How long a flow run may take to see that its worker has died, and to say so; seven seconds were seen."""


class Trainer:
    """What is asked of the worker of this supervisor."""

    def __init__(self, up: Up) -> None:
        self._up = up
        self._deaths_seen = 0
        self._worker_died: datetime | None = None

    def train(self) -> None:
        """Give each project that has no champion a training, and wait for them."""
        up = self._up
        runs: dict[str, str] = {}
        for project in up.chosen:
            if project.name not in up.served:
                name = deployments.named(up.described, up.root, project, "training")
                runs[project.name] = trainings.begin(up.url, name, trainings.FIRST)
                page = f"{up.url.removesuffix('/api')}/runs/flow-run/{runs[project.name]}"
                up.untrained[project.name] = f"its first training runs: {page}"
                up.told(f"{project.name} has no champion: {up.untrained[project.name]}")
        standing.write(up)
        while runs and not up.ended.wait(TICK_SECONDS):
            up.serve()
            self.retry()
            for name, run in list(runs.items()):
                with suppress(Unavailable):  # the server is started again meanwhile
                    kind, message = trainings.state(up.url, run)
                    # One that crashed with its worker is run again when that is there again.
                    if kind in ("COMPLETED", "FAILED", "CANCELLED") or (kind == "CRASHED" and not self._worker_died):
                        del runs[name]
                        self._tell_end(name, kind, message)
        if up.ended.is_set():
            raise KeyboardInterrupt

    def retry(self) -> None:
        """Once the worker is there again after it died, run again what died with it."""
        up = self._up
        worker, now = up.parts["worker"], datetime.now(UTC)
        if worker.restarts > self._deaths_seen:
            self._deaths_seen, self._worker_died = worker.restarts, now - timedelta(seconds=2)
        if self._worker_died is None or not worker.ready.is_set():
            return
        with suppress(Unavailable):
            if n_retried := trainings.retry_crashed(up.url, self._worker_died):
                up.told(f"{n_retried} flow runs that crashed with their worker are run again")
            if now - self._worker_died > DYING:
                self._worker_died = None

    def _tell_end(self, name: str, kind: str, message: str) -> None:
        up = self._up
        up.serve()
        if name in up.served:
            up.told(f"{name} has its first champion")
            return
        why = "no gate let its model pass" if kind == "COMPLETED" else message.split("\n")[0][:300]
        up.untrained[name] = f"its first training {kind.lower()}: {why}"
        up.told(f"{name} has no champion: {up.untrained[name]}")
