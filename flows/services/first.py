"""Flow runs that `keepfit up` asks for: each project's first training, and again what died with its worker."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from flows.services import deployments, standing, trainings
from flows.services.deployments import Chosen
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
        """Train the projects that have no champion one after the other: all at once they would share the machine, and
        those that wait for the worker would be shown as late.
        """
        up = self._up
        waiting = [project for project in up.chosen if project.name not in up.served]
        up.untrained |= {project.name: "its first training waits for its turn" for project in waiting}
        for project in waiting:
            self._train(project)

    def _train(self, project: Chosen) -> None:
        up, run, said = self._up, "", ""
        while not up.ended.wait(TICK_SECONDS):
            up.serve()
            self.retry()
            try:
                run = run or self._begin(project)
                kind, message = trainings.state(up.url, run)
            except Unavailable as exc:  # the server is started again meanwhile
                if str(exc) != said:
                    up.told(said := str(exc))
                continue
            # One that crashed with its worker is run again when that is there again.
            if kind in ("COMPLETED", "FAILED", "CANCELLED") or (kind == "CRASHED" and not self._worker_died):
                self._tell_end(project.name, kind, message)
                return
        raise KeyboardInterrupt

    def _begin(self, project: Chosen) -> str:
        up = self._up
        name = deployments.named(up.described, up.root, project, "training")
        run = trainings.begin(up.url, name, trainings.FIRST)
        up.untrained[project.name] = f"its first training runs: {up.url.removesuffix('/api')}/runs/flow-run/{run}"
        up.told(f"{project.name} has no champion: {up.untrained[project.name]}")
        standing.write(up)
        return run

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
