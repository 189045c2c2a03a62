"""A listening socket, or the reason why there is none."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from tasks.core.errors import Unavailable, UsageError


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens on the port of the host; UsageError or Unavailable when there can be none.

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
