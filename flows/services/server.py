"""The Prefect server of a run: the one that the user named, else this home's private one, found or spawned.

prefect/server.lock   flock, held by the private server as long as it lives: a port that answers proves nothing
prefect/server.json   pid, port, token, versions; written by the server, removed before it closes
prefect/use.lock      flock, shared by the commands that use it; the server takes it alone before an idle exit
prefect/port          the last port, tried again so that an exported PREFECT_API_URL stays right
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from flows.services import environment, locks, spawn, templates
from flows.services.named import NAMED_SECONDS, ask, configured
from tasks.core.errors import Unavailable

START_SECONDS = 90.0  # the first start without a template migrates: 8 s idle, several times that under load
ENDING_SECONDS = 30.0
GUARD_SECONDS = 1.0
MAX_STARTS = 3


@dataclass
class Server:
    """A Prefect server: `url` is that of its API, `private` whether it is this home's own."""

    url: str
    home: Path | None = None
    token: str = ""
    use: int | None = field(default=None, repr=False)

    @property
    def private(self) -> bool:
        return self.home is not None

    @property
    def ui(self) -> str:
        return self.url.removesuffix("/api")

    def ready(self) -> Server:
        """Wait until it answers; `Unavailable` when it does not."""
        if self.home is None:
            ask(self.url, "/health", NAMED_SECONDS)
            return self
        deadline = time.monotonic() + START_SECONDS
        for _ in range(MAX_STARTS):
            if self._answers(deadline - time.monotonic()):
                break
            again = _private(self.home, self.use)
            if again.url != self.url and "prefect" in sys.modules:
                raise Unavailable(
                    f"The private Prefect server at {self.url} ended while it was being used",
                    found=f"another process on its port, a new server at {again.url}",
                    action="Run the command again",
                )
            self.url, self.token = again.url, again.token
        else:
            log = self.home / "logs" / "prefect.log"
            raise Unavailable(
                f"The private Prefect server of {self.home} does not answer",
                expected=f"an answer at {self.url} within {START_SECONDS:.0f} s",
                found=_last_line(log) or "nothing in its log",
                action=f"See {log}, then `keepfit down` and try again",
            )
        threading.Thread(target=self._guard, daemon=True).start()
        return self

    def restart(self) -> None:
        """Spawn it anew at its address, for whoever watches it instead of `ready`'s guard."""
        assert self.home is not None
        again = _private(self.home, self.use)
        self.token = again.token
        if again.url != self.url:
            down(self.home)
            (self.home / "prefect" / "port").write_text(self.ui.rpartition(":")[2])
            raise Unavailable(
                f"The Prefect server cannot start again at {self.url}", found="another program on its port"
            )

    def release(self) -> None:
        """Use it no longer, for a process that lives on."""
        if self.use is not None:
            os.close(self.use)
            self.use = None

    def _guard(self) -> None:
        """Replace a server that is killed under the run, at its address; Prefect's client tries that long enough.

        One that ended by itself, or by `down`, has removed its state and is let go.
        """
        assert self.home is not None
        folder = self.home / "prefect"
        while self.use is not None:
            time.sleep(GUARD_SECONDS)
            if (folder / "server.json").exists() and not locks.is_held(folder / "server.lock"):
                with suppress(OSError, Unavailable):
                    _private(self.home, self.use)

    def _answers(self, seconds: float) -> bool:
        # A server that is starting already listens, and answers when it is ready. One that dies closes the
        # connection, and another program on its port does not know the token.
        try:
            return ask(self.url.removesuffix("/api"), "/keepfit", max(seconds, 1)) == self.token
        except Unavailable:
            return False


def start(home: Path) -> Server:
    """Find or spawn the server and set the environment for it, before prefect is imported; does not wait for it."""
    templates.place_mlflow(home)
    named = configured()
    if named is not None and named != spawn.last_url(home):
        environment.apply(None, named)
        return Server(named)
    server = _private(home, None)
    environment.apply(home, server.url)
    return server


def state(home: Path) -> dict[str, Any] | None:
    """What the running private server says of itself; None when none runs or it is only starting."""
    with suppress(OSError, json.JSONDecodeError):
        if locks.is_held(home / "prefect" / "server.lock"):
            return json.loads((home / "prefect" / "server.json").read_bytes())
    return None


def down(home: Path) -> bool:
    """End the private server and wait until it is gone; False when none ran."""
    lock = home / "prefect" / "server.lock"
    found = False
    patience = time.monotonic() + 10
    while locks.is_held(lock):
        found = True
        if running := state(home):
            with suppress(ProcessLookupError):
                os.kill(running["pid"], signal.SIGTERM if time.monotonic() < patience else signal.SIGKILL)
        time.sleep(0.05)
    spawn.reap()
    (home / "prefect" / "server.json").unlink(missing_ok=True)
    return found


def _private(home: Path, use: int | None) -> Server:
    folder = home / "prefect"
    if use is None:
        use = locks.take(folder / "use.lock", shared=True, wait=True)
    deadline = time.monotonic() + ENDING_SECONDS
    while time.monotonic() < deadline:
        lock = locks.take(folder / "server.lock")
        if lock is not None:
            try:
                (folder / "server.json").unlink(missing_ok=True)
                templates.place_prefect(home)
                url, token = spawn.spawn(home, lock)
                return Server(url, home, token, use)
            finally:
                os.close(lock)  # the server's own copy of the descriptor holds it on
        if (found := state(home)) and found["prefect"] == version("prefect"):
            return Server(found["url"], home, found["token"], use)
        if found:
            down(home)  # its packages were replaced under it: what it has not imported yet would not fit
        time.sleep(0.01)  # it has just been spawned, or is ending
    raise Unavailable(
        f"The private Prefect server of {home} neither starts nor ends",
        found=f"{folder / 'server.lock'} held",
        action=f"See who holds it: fuser {folder / 'server.lock'}",
    )


def _last_line(log: Path) -> str:
    with suppress(OSError):
        lines = log.read_text(errors="replace").splitlines()
        return next((line.strip()[:200] for line in reversed(lines) if line.strip()), "")
    return ""
