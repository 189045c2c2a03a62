"""A process that answers: it is given a listening socket, what to serve, and ends when its parent does.

    python -m tasks.serving.worker      with a line of JSON (`Work`) on standard input

On standard output it tells one JSON object a line: `{"ready": true}`, `{"error": …}`, and what the ledger should know.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import resource
import signal
import socket
import sys
import threading
from contextlib import suppress
from functools import partial
from typing import Any

import uvicorn

from tasks.core.errors import KeepfitError
from tasks.core.records import Record
from tasks.serving.app import application
from tasks.serving.protocol import Protocol
from tasks.serving.site import Serving, Site

GRACE_SECONDS = 3
SECURITY = [
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-store"),
    ("cross-origin-resource-policy", "same-origin"),
]
"""Headers of every answer."""
SWITCH_SECONDS = 0.001
"""How long a thread that reads an image or loads a model may keep the others from answering."""


class Work(Record):
    """What a process is told on its standard input. `listener` is the number of the inherited socket."""

    listener: int
    serving: Serving
    certificate: str | None = None
    private_key: str | None = None


def main() -> None:
    """Serve until told to end: SIGTERM, SIGINT, or the end of standard input."""
    work = Work.model_validate_json(sys.stdin.buffer.readline())
    with socket.socket(fileno=work.listener) as listener:
        try:
            serve(work, listener)
        except KeepfitError as exc:
            _tell(error=str(exc), exit_code=exc.exit_code)
            sys.exit(exc.exit_code)


def serve(work: Work, listener: socket.socket, *, has_parent: bool = True) -> None:
    """Answer on the socket, as long as the parent that holds standard input lives, if it has one.

    Raises KeepfitError when a model cannot be loaded.
    """
    site = Site(work.serving, lambda project, event, facts: _tell(project=project, event=event, **facts))
    site.load()
    _prepare_process()
    config = uvicorn.Config(
        application(site),
        interface="asgi3",
        http=partial(Protocol, site),  # pyright: ignore[reportArgumentType]  # it calls whatever makes a protocol
        lifespan="on",
        ws="none",
        log_level="error",  # a warning a broken request would let any client fill the log
        access_log=False,  # it halves the requests per second
        server_header=False,
        proxy_headers=False,
        headers=SECURITY,
        ssl_certfile=work.certificate,
        ssl_keyfile=work.private_key,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    logging.getLogger("uvicorn.error").addFilter(_is_ours)
    server = uvicorn.Server(config)
    if has_parent:
        threading.Thread(target=_end_with_parent, args=(server,), daemon=True).start()
    _tell(ready=True)
    # uvicorn raises the signal anew when it is done, and SIGTERM would then kill.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        server.run(sockets=[listener])


def _prepare_process() -> None:
    with suppress(ValueError, OSError):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    sys.setswitchinterval(SWITCH_SECONDS)
    # What is loaded now stays: to walk over it for garbage again and again would cost milliseconds each time.
    gc.collect()
    gc.freeze()


def _is_ours(record: logging.LogRecord) -> bool:
    """Whether the server's log should have it; a client that went away before its answer is no error of ours."""
    cause = record.exc_info[1] if record.exc_info else None
    return not (isinstance(cause, RuntimeError) and "handler is closed" in str(cause))


def _end_with_parent(server: uvicorn.Server) -> None:
    # Not through `sys.stdin`, whose lock this thread would hold when the interpreter ends.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    server.should_exit = True


def _tell(**facts: Any) -> None:
    with suppress(BrokenPipeError):
        print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    main()
