"""The supervisor of `keepfit up`: the whole loop of some projects, until it is told to end.

    up/up.lock     flock, held as long as it lives
    up/up.json     pid, projects, addresses and how each part is, replaced at every change
    up/ports.json  the ports that were taken last

What runs under it is known by a mark in its environment, and ends with it, also when it is killed.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flows import services
from flows.services import deployments, keeper, late, locks, marked, parts, rest, trainings
from flows.services.deployments import Chosen
from flows.services.part import Part, last_line
from flows.services.server import Server
from tasks.core import roles, store
from tasks.core.errors import Unavailable

ENDING_SECONDS = 60.0
TICK_SECONDS = 1.0
MINUTE = 60
DYING = timedelta(seconds=40)
"""How long a flow run may take to see that its worker has died, and to say so; seven seconds were seen."""
FAILED_STARTS = 4
"""After so many a part that never answered will not: starting says so and ends."""


def found(home: Path) -> dict[str, Any] | None:
    """What the running `keepfit up` of the home says of itself; None when none runs."""
    if not locks.is_held(home / "up" / "up.lock"):
        return None
    with suppress(OSError, ValueError):
        return json.loads((home / "up" / "up.json").read_text())
    return {"pid": None, "projects": [], "addresses": {}, "parts": {}}


def end(home: Path) -> bool:
    """End the running one and wait until it is gone; False when none ran."""
    import time

    lock, deadline = home / "up" / "up.lock", time.monotonic() + ENDING_SECONDS
    if not locks.is_held(lock):
        return False
    asked = None
    while locks.is_held(lock):
        pid, patient = (found(home) or {}).get("pid"), time.monotonic() < deadline
        if pid and (pid != asked or not patient):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM if patient else signal.SIGKILL)
            asked = pid
        time.sleep(0.1)
    return True


class Up:
    """The parts, and what is done between them. `told` is given sentences for a person."""

    def __init__(self, home: Path, root: Path, chosen: Sequence[Chosen], port: int, told: Callable[[str], None]):
        self.home, self.root, self.chosen, self.told = home, root, tuple(chosen), told
        self.ended = threading.Event()
        self.token = secrets.token_hex(8)
        self.since = datetime.now(UTC)
        self.ports = parts.Ports(home, port)
        self.parts: dict[str, Part] = {}
        self.untrained: dict[str, str] = {}
        """Why a project has no champion yet."""
        self._served: tuple[str, ...] = ()
        self._deaths_seen = 0
        self._worker_died: datetime | None = None
        self._server: Server | None = None

    @property
    def url(self) -> str:
        """The address of Prefect's API."""
        assert self._server is not None
        return self._server.url

    def addresses(self) -> dict[str, Any]:
        """Where a person and a program find everything."""
        elsewhere = os.environ.get("MLFLOW_TRACKING_URI")
        api = self.ports.url("api")
        return {
            "prefect": self.url.removesuffix("/api"),
            "prefect_api": self.url,
            "mlflow": elsewhere if parts.is_elsewhere(elsewhere) else self.ports.url("mlflow"),
            "page": f"{api}/",
            "predict": {each.name: f"{api}/v1/{each.name}/predict" for each in self.chosen},
        }

    def state(self) -> dict[str, Any]:
        """All of it as one JSON object."""
        shown = {
            part.name: {
                "state": part.state,
                "pid": part.pid,
                "restarts": part.restarts,
                "reason": part.reason or None,
                "log": str(part.log),
            }
            for part in self.parts.values()
        }
        return {
            "pid": os.getpid(),
            "since": self.since.isoformat(timespec="seconds"),
            "home": str(self.home),
            "projects": [each.name for each in self.chosen],
            "untrained": self.untrained,
            "addresses": self.addresses(),
            "parts": shown,
        }

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
        self._serve()
        self._wait("prefect") if self._server.private else self._server.ready()
        self._prepare()
        online = lambda: parts.worker_online(self.url, self.since)  # noqa: E731
        worker = parts.WORKER_ENVIRONMENT | {"PWD": str(self.root)}
        self._add(self._own("worker", parts.worker_command, online, self.root, worker))
        self._deploy()
        for name in ("mlflow", "worker"):
            if name in self.parts:
                self._wait(name)
        self._train()
        if "api" in self.parts:
            self._wait("api")

    def watch(self) -> None:
        """Keep it up until told to end: serve what gets a champion, skip runs that a pause of the machine piled up."""
        written, ticks = "", 0
        while not self.ended.wait(TICK_SECONDS):
            self._serve()
            self._retry()
            if (now := json.dumps(self.state())) != written:
                self.write()
                written = now
            ticks += 1
            if ticks % MINUTE == 0:
                for part in self.parts.values():
                    part.trim()
                with suppress(Unavailable):
                    self._skip()

    def write(self) -> None:
        """Let a second `keepfit up`, `down` and `status` know."""
        store.write_file(self.home / "up" / "up.json", json.dumps(self.state()).encode())

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
        served = [each for each in self.chosen if each.name in self._served]
        return parts.api_command(served, self.ports.take("api"))

    def _serve(self) -> None:
        """Serve the projects that have a champion."""
        with store.opened(self.home):
            having = tuple(each.name for each in self.chosen if roles.known(each.name) is not None)
        for name in having:
            self.untrained.pop(name, None)
        if having == self._served:
            return
        self._served = having
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

    def _prepare(self) -> None:
        """Before a worker takes runs: a pool to take them from, the dead told so, the piled up skipped."""
        rest.post(f"{self.url}/work_pools/", {"name": deployments.POOL, "type": "process"})
        if any(not locks.is_held(file) for file in (self.home / "runs").glob("*.json")):
            self._job("sweep", [sys.executable, "-P", "-m", "flows.services", "sweep", str(self.home)])
        if self._server is not None and self._server.private:
            trainings.bury(self.url, self.home)
        self._skip()

    def _skip(self) -> None:
        if n_skipped := sum(late.skip_late(self.url).values()):
            self.told(f"{n_skipped} scheduled runs were missed and are skipped; the latest of each runs now")

    def _deploy(self) -> None:
        described = deployments.wanted(self.root, self.chosen)
        file, stamp = self.home / "up" / deployments.FILE, deployments.stamp(described, self.url)
        last = file.with_suffix(".stamp")
        if last.exists() and last.read_text() == stamp and deployments.are_there(described, self.url):
            return  # it takes 4 s of imports, and twice that on a busy machine
        store.write_file(file, json.dumps(described, indent=1).encode())  # JSON is YAML
        self.told(f"deploying {len(described['deployments'])} deployments …")
        command = [sys.executable, "-P", "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(file)]
        self._job("deploy", command)
        store.write_file(last, stamp.encode())

    def _job(self, name: str, command: list[str]) -> None:
        log = self.home / "logs" / f"{name}.log"
        log.parent.mkdir(exist_ok=True)
        environment = os.environ | marked.mark("job", self.token) | {"PWD": str(self.root)}
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=self.root,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        while True:
            with suppress(subprocess.TimeoutExpired):
                code = process.wait(0.2)
                break
            if self.ended.is_set():
                raise KeyboardInterrupt
        if code:
            raise Unavailable(
                f"`{name}` failed with exit code {code}", found=last_line(log) or "no word", action=f"See {log}"
            )

    def _train(self) -> None:
        """Give each project that has no champion a training, and wait for them."""
        runs: dict[str, str] = {}
        described = deployments.wanted(self.root, self.chosen)
        for project in self.chosen:
            if project.name not in self._served:
                name = deployments.named(described, self.root, project, "training")
                runs[project.name] = trainings.begin(self.url, name, trainings.FIRST)
                page = f"{self.url.removesuffix('/api')}/runs/flow-run/{runs[project.name]}"
                self.untrained[project.name] = f"its first training runs: {page}"
                self.told(f"{project.name} has no champion: {self.untrained[project.name]}")
        self.write()
        while runs and not self.ended.wait(TICK_SECONDS):
            self._serve()
            self._retry()
            for name, run in list(runs.items()):
                with suppress(Unavailable):  # the server is started again meanwhile
                    kind, message = trainings.state(self.url, run)
                    # One that crashed with its worker is run again when that is there again.
                    if kind in ("COMPLETED", "FAILED", "CANCELLED") or (kind == "CRASHED" and not self._worker_died):
                        del runs[name]
                        self._tell_end(name, kind, message)
        if self.ended.is_set():
            raise KeyboardInterrupt

    def _retry(self) -> None:
        """Once the worker is there again after it died, run again what died with it."""
        worker, now = self.parts["worker"], datetime.now(UTC)
        if worker.restarts > self._deaths_seen:
            self._deaths_seen, self._worker_died = worker.restarts, now - timedelta(seconds=2)
        if self._worker_died is None or not worker.ready.is_set():
            return
        with suppress(Unavailable):
            if n_retried := trainings.retry_crashed(self.url, self._worker_died):
                self.told(f"{n_retried} flow runs that crashed with their worker are run again")
            if now - self._worker_died > DYING:
                self._worker_died = None

    def _tell_end(self, name: str, kind: str, message: str) -> None:
        self._serve()
        if name in self._served:
            self.told(f"{name} has its first champion")
            return
        why = "no gate let its model pass" if kind == "COMPLETED" else message.split("\n")[0][:300]
        self.untrained[name] = f"its first training {kind.lower()}: {why}"
        self.told(f"{name} has no champion: {self.untrained[name]}")


@contextmanager
def supervised(up: Up) -> Iterator[None]:
    """Be the only one of this home, end at Ctrl-C and SIGTERM, and leave nothing behind."""
    lock = locks.take(up.home / "up" / "up.lock")
    if lock is None:
        raise Unavailable(f"Another `keepfit up` has just started in {up.home}", action="Give the command again")
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}

    def end(number: int, frame: object) -> None:
        if up.ended.is_set():  # a second time: no patience is left
            marked.end(up.token, 0)
        up.ended.set()

    kept = keeper.start(up.token)
    try:
        for number in before:
            signal.signal(number, end)
        yield
    finally:
        up.end()
        (up.home / "up" / "up.json").unlink(missing_ok=True)
        keeper.dismiss(kept)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(lock)
