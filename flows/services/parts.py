"""The parts of `keepfit up`: how each is started, and when it answers."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flows.services import locks, rest
from flows.services import server as servers
from flows.services.deployments import POOL, Chosen
from flows.services.named import ask
from flows.services.part import Part, last_line
from flows.services.server import Server
from tasks.core import store
from tasks.core.errors import Unavailable

WORKER = "keepfit up"
FLOW_RUNS = max(2, (os.cpu_count() or 2) // 2)
"""Flow runs at once: one training should not keep the others' monitoring waiting."""
PORTS_TRIED = 100


class PrefectServer(Part):
    """The home's private Prefect server, which `keepfit train` may have started before and may use meanwhile."""

    def __init__(self, server: Server, *, token: str, told: Callable[[str], None]) -> None:
        assert server.home is not None
        super().__init__("prefect", tuple, self._answered, home=server.home, token=token, told=told)
        self._server, self._lock = server, server.home / "prefect" / "server.lock"

    @property
    def pid(self) -> int | None:
        """Of the process that runs now."""
        assert self._server.home is not None
        return (servers.state(self._server.home) or {}).get("pid")

    def end(self) -> None:
        """End it, unless another command uses it; then it ends by itself after that."""
        if self._thread is not None:
            self._thread.join()
        assert self._server.home is not None
        self._server.release()
        alone = locks.take(self._server.home / "prefect" / "use.lock")
        if alone is not None:
            servers.down(self._server.home)
            os.close(alone)
        self.state = "ended"

    def _spawn(self) -> None:
        self._renewed.clear()
        if not locks.is_held(self._lock):
            try:
                self._server.restart()
            except Unavailable as exc:
                raise OSError(str(exc)) from exc

    def _gone(self) -> str | None:
        if locks.is_held(self._lock):
            return None
        servers.spawn.reap()
        return f"is gone{f'; its last words are “{line}”' if (line := last_line(self.log)) else ''}"

    def _kill(self, seconds: float) -> None:
        if self._server.use is None:
            return
        assert self._server.home is not None
        servers.down(self._server.home)

    def _answered(self) -> bool:
        try:
            return ask(self._server.ui, "/keepfit", 10) == self._server.token
        except Unavailable:
            return False


class Ports:
    """Ports that stay the same from one `keepfit up` to the next, where nobody else has taken them."""

    def __init__(self, home: Path, api: int) -> None:
        self._file = home / "up" / "ports.json"
        self._last: dict[str, int] = {}
        with suppress(OSError, ValueError):
            self._last = json.loads(self._file.read_text())
        self._preferred = {"mlflow": 5000, "api": api}
        self._threads = threading.Lock()

    def take(self, name: str) -> int:
        """The part's last port, else the first free one from where it is usually looked for."""
        with self._threads:
            others = {port for other, port in self._last.items() if other != name}
            first = self._preferred[name]
            asked = [self._last.get(name, first)] if name != "api" or first == 8000 else []
            for port in (*asked, *range(first, first + PORTS_TRIED)):
                if port not in others and _is_free(port):
                    self._last[name] = port
                    store.write_file(self._file, json.dumps(self._last).encode())
                    return port
        raise Unavailable(f"No port for {name}", expected=f"a free one from {first} to {first + PORTS_TRIED}")

    def url(self, name: str) -> str:
        """The address of the part as it was last started."""
        return f"http://127.0.0.1:{self._last.get(name, self._preferred[name])}"


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def mlflow_command(home: Path, port: int) -> list[str]:
    """MLflow's server on the database that the trainings write to."""
    database = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{home / 'mlflow.db'}"
    where = ["--backend-store-uri", database, "--artifacts-destination", str(home / "mlartifacts")]
    command = [sys.executable, "-P", "-m", "mlflow", "server", *where]
    return [*command, "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]


MLFLOW = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
"""Jobs are for evaluating agents; their five processes take 600 MB that this machine may need."""


def wait_for_each_other(home: Path) -> None:
    """Let readers of MLflow's database go on while a training writes, else they are told that it is locked."""
    import sqlite3
    from contextlib import closing

    if (home / "mlflow.db").exists():
        with closing(sqlite3.connect(home / "mlflow.db", timeout=20)) as database:
            database.execute("PRAGMA journal_mode = WAL")


def worker_command() -> list[str]:
    """Prefect's worker for the pool that prefect.yaml names."""
    options = ["--pool", POOL, "--type", "process", "--name", WORKER, "--limit", str(FLOW_RUNS)]
    return [sys.executable, "-P", "-m", "prefect", "--no-prompt", "worker", "start", *options]


WORKER_ENVIRONMENT = {"PREFECT_WORKER_QUERY_SECONDS": "3", "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "INFO"}


def worker_online(url: str, since: datetime) -> bool:
    """Whether the worker has told the server of itself."""
    with suppress(Unavailable):
        found: list[dict[str, Any]] = rest.post(f"{url}/work_pools/{POOL}/workers/filter", {}, 10)
        beats = [each["last_heartbeat_time"] for each in found if each["name"] == WORKER]
        return any(datetime.fromisoformat(beat) >= since for beat in beats if beat)
    return False


def api_command(projects: Sequence[Chosen], port: int) -> list[str]:
    """The model API and page of these projects."""
    command = [sys.executable, "-P", "-m", "flows.cli", "serve", *(str(each.folder) for each in projects)]
    return [*command, "--port", str(port), "--json"]


def is_elsewhere(address: str | None) -> bool:
    """Whether MLflow is a server that somebody else runs."""
    return address is not None and urlsplit(address).scheme in ("http", "https")
