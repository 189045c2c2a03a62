"""`keepfit serve`: the champion behind an HTTP port, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import errno
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from tasks.core.errors import Unavailable, UsageError
from tasks.serving.app import application
from tasks.serving.model import Model

GRACE_SECONDS = 3


def run(
    champion: Callable[[], tuple[Path, str, str]],
    project: str,
    host: str = "127.0.0.1",
    port: int = 8000,
    on_ready: Callable[[str], None] = lambda address: None,
) -> None:
    """Serve the champion: the path of its ONNX file, the SHA-256 that it must have, and its version.

    `port` 0 takes any free one. `on_ready` is told the address once connections are taken. Returns after Ctrl-C or
    SIGTERM, when the requests under way are answered. Raises KeepfitError before it takes a connection.
    """
    with _listening(host, port) as listener:
        path, digest, version = champion()
        app = application(Model(path, digest, version, project))
        config = uvicorn.Config(
            app,
            interface="asgi3",
            lifespan="off",
            ws="none",
            http="httptools",
            log_level="warning",
            access_log=False,  # it halves the requests per second
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        bound = listener.getsockname()[1]
        on_ready(f"http://{f'[{host}]' if ':' in host else host}:{bound}")
        with _sigterm_like_ctrl_c():
            uvicorn.Server(config).run(sockets=[listener])


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """A listening socket, or the reason why there is none.

    It listens at once and without SO_REUSEPORT, with which a forgotten server would silently share the port; and it
    names TCP as its protocol, without which asyncio leaves Nagle's algorithm on (44 ms an answer).
    """
    if not 0 <= port < 65_536:  # getaddrinfo would take 70000 for 4464
        raise UsageError(
            f"There is no port {port}", expected="0 for any free port, or 1024 to 65535", action="Choose with --port"
        )
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, OverflowError) as exc:
        raise UsageError(
            f"The server cannot listen on the host {host!r}",
            expected="a name or an address of this machine",
            found=str(exc),
            action="Use --host 127.0.0.1 for this machine alone, or --host 0.0.0.0 for the network",
        ) from exc
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except (OSError, OverflowError) as exc:
        listener.close()
        raise _unbindable(host, port, exc) from exc
    with listener:
        yield listener


def _unbindable(host: str, port: int, exc: OSError | OverflowError) -> Unavailable:
    if isinstance(exc, OSError) and exc.errno == errno.EADDRINUSE:
        return Unavailable(
            f"The port {port} on {host} is taken",
            expected="a free port",
            found="another program that listens on it",
            action="Stop that program, or choose another port with --port",
        )
    return Unavailable(
        f"The server cannot listen on port {port} of {host}",
        expected="an address of this machine, and a port from 1024 to 65535",
        found=str(exc),
        action="Choose with --host and --port",
    )


@contextmanager
def _sigterm_like_ctrl_c() -> Iterator[None]:
    """End cleanly on either: uvicorn raises the signal anew when it is done, and SIGTERM would then kill."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGTERM, before)
