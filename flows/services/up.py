"""The supervisor of `keepfit up`: the whole loop of some projects, until it is told to end.

    up/up.lock     flock, held as long as it lives
    up/up.json     pid, projects, addresses and how each part is, replaced at every change
    up/ports.json  the ports that were taken last

What runs under it is known by a mark in its environment, and ends with it, also when it is killed.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows import services
from flows.services import deployments, marked, parts, rest, standing
from flows.services.deployments import Chosen
from flows.services.first import TICK_SECONDS, Trainer
from flows.services.part import Part
from flows.services.scheduling import Scheduling
from flows.services.server import Server
from tasks.core import roles, store
from tasks.core.errors import Unavailable

MINUTE = 60
FAILED_STARTS = 4
"""After so many a part that never answered will not: starting says so and ends."""


class Up:
    """The parts, and what is done between them. `told` is given sentences for a person."""

    def __init__(
        self,
        home: Path,
        root: Path,
        chosen: Sequence[Chosen],
        port: int,
        told: Callable[[str], None],
        described: dict[str, Any] | None = None,
    ) -> None:
        self.home, self.root, self.chosen, self.told = home, root, tuple(chosen), told
        self.described = described or deployments.wanted(root, chosen)
        """The deployments, as a prefect.yaml says them."""
        self.ended = threading.Event()
        self.token = secrets.token_hex(8)
        self.since = datetime.now(UTC)
        self.ports = parts.Ports(home, port)
        self.parts: dict[str, Part] = {}
        self.untrained: dict[str, str] = {}
        """Why a project has no champion yet."""
        self.served: tuple[str, ...] = ()
        """The names of the projects that have a champion."""
        self._trainer = Trainer(self)
        self._scheduling = Scheduling(self)
        self._server: Server | None = None

    @property
    def has_private_server(self) -> bool:
        """Whether Prefect's server is the home's own, which nobody else uses."""
        return self._server is not None and self._server.private

    @property
    def url(self) -> str:
        """The address of Prefect's API."""
        assert self._server is not None
        return self._server.url

    def begin(self) -> None:
        """Start everything and wait for it; `Unavailable` when something cannot be started."""
        services.place_mlflow(self.home)
        os.environ |= {"KEEPFIT_HOME": str(self.home), **marked.mark("prefect", self.token)}
        self._server = services.start(self.home)
        if self._server.private:
            self._add(parts.PrefectServer(self._server, token=self.token, told=self.told))
        if not parts.is_elsewhere(os.environ.get("MLFLOW_TRACKING_URI")):
            parts.wait_for_each_other(self.home)
            self._add(self._part("mlflow", self._mlflow_command, "mlflow", "/health", parts.MLFLOW))
        self.serve()
        self._wait("prefect") if self._server.private else self._server.ready()
        self._scheduling.prepare()
        online = lambda: parts.worker_online(self.url, self.since)  # noqa: E731
        worker = parts.WORKER_ENVIRONMENT | {"PWD": str(self.root)}
        self._add(self._own("worker", parts.worker_command, online, self.root, worker))
        self._scheduling.deploy()
        for name in ("mlflow", "worker"):
            if name in self.parts:
                self._wait(name)
        self._trainer.train()
        if "api" in self.parts:
            self._wait("api")

    def watch(self) -> None:
        """Keep it up until told to end: serve what gets a champion, skip runs that a pause of the machine piled up."""
        written, ticks = None, 0
        while not self.ended.wait(TICK_SECONDS):
            self.serve()
            self._trainer.retry()
            if (now := standing.state(self)) != written:
                standing.write(self)
                written = now
            ticks += 1
            if ticks % MINUTE == 0:
                for part in self.parts.values():
                    part.trim()
                with suppress(Unavailable):
                    self._scheduling.skip()
                    self._scheduling.send_forgotten()

    def end(self) -> None:
        """End the parts, those that need the Prefect server before it, and whatever they left."""
        self.ended.set()
        others = [part for part in self.parts.values() if part.name != "prefect"]
        threads = [threading.Thread(target=part.end) for part in others]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if "prefect" in self.parts:
            self.parts["prefect"].end()
        elif self._server is not None:
            self._server.release()
        marked.end(f"{self.token}.job", 2)

    def _add(self, part: Part) -> None:
        self.parts[part.name] = part
        part.start(self.ended)

    def _part(
        self, name: str, command: Callable[[], Sequence[str]], port: str, path: str, environment: dict[str, str]
    ) -> Part:
        return self._own(name, command, lambda: rest.answers(self.ports.url(port) + path), self.home, environment)

    def _own(
        self,
        name: str,
        command: Callable[[], Sequence[str]],
        answers: Callable[[], bool],
        folder: Path,
        environment: dict[str, str],
    ) -> Part:
        return Part(
            name,
            command,
            answers,
            home=self.home,
            token=self.token,
            told=self.told,
            folder=folder,
            environment=environment,
            survived=name == "worker",
        )

    def _mlflow_command(self) -> list[str]:
        return parts.mlflow_command(self.home, self.ports.take("mlflow"))

    def _api_command(self) -> list[str]:
        served = [each for each in self.chosen if each.name in self.served]
        return parts.api_command(served, self.ports.take("api"))

    def serve(self) -> None:
        """Serve the projects that have a champion."""
        with store.opened(self.home):
            having = tuple(each.name for each in self.chosen if roles.known(each.name) is not None)
        for name in having:
            self.untrained.pop(name, None)
        if having == self.served:
            return
        self.served = having
        if "api" in self.parts:
            self.parts["api"].renew()
        elif having:
            self._add(self._part("api", self._api_command, "api", "/readyz", {}))

    def _wait(self, name: str) -> None:
        part = self.parts[name]
        while not part.ready.wait(0.1):
            if self.ended.is_set():
                raise KeyboardInterrupt
            if part.restarts >= FAILED_STARTS:
                raise Unavailable(f"{name} does not start: it {part.reason}", action=f"See {part.log}")
        self.told(f"{name} answers, {part.ready_seconds:.1f} s after its start")
