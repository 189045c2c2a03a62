"""A private Prefect server as a process of its own, spawned before anything heavy is imported."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from flows.services import environment

LOG_BYTES = 5_000_000

_spawned: list[subprocess.Popen[bytes]] = []


def spawn(home: Path, lock: int) -> tuple[str, str]:
    """Start the server, which inherits the held lock; return its API's address and its token at once."""
    folder = home / "prefect"
    with _listener(home) as listener:
        url = _url(listener.getsockname()[1])
        token = os.urandom(16).hex()
        log = home / "logs" / "prefect.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists() and log.stat().st_size > LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        variables = {name: value for name, value in os.environ.items() if name not in environment.SOMEONE_ELSES}
        # A relative path, from the folder that is the server's own: no character of the home can upset the address.
        variables |= environment.prefect_environment(home, url) | {
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": "sqlite+aiosqlite:///prefect.db",
            "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "NOTSET",
            "KEEPFIT_SERVER_TOKEN": token,
        }
        command = [sys.executable, "-P", "-m", "flows.services.host", str(listener.fileno())]
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # it outlives the command, and the terminal
                pass_fds=(lock, listener.fileno()),
            )
    _spawned.append(process)
    return url, token


def reap() -> None:
    """Let the servers that this process spawned, and that ended, be gone."""
    _spawned[:] = [process for process in _spawned if process.poll() is None]


def last_url(home: Path) -> str | None:
    """The address of this home's last private server, which the next one takes if it can."""
    port = _last_port(home)
    return _url(port) if port else None


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}/api"


def _last_port(home: Path) -> int:
    try:
        return int((home / "prefect" / "port").read_text())
    except (OSError, ValueError):
        return 0  # any free one


def _listener(home: Path) -> socket.socket:
    """A socket that already listens: who connects before the server is up waits for it."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", _last_port(home)))
    except OSError:
        listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    (home / "prefect" / "port").write_text(str(listener.getsockname()[1]))
    return listener
