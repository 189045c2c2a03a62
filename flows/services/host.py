"""The process that is a home's private Prefect server: Prefect's own application, plus a token and an idle exit.

It is given an already listening socket and the descriptor of the held lock, and runs in `<home>/prefect`.
"""

from __future__ import annotations

import gc

gc.disable()  # a fifth of the imports' time; on again, frozen, when the server is up

import asyncio  # noqa: E402
import contextlib  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import re  # noqa: E402
import socket  # noqa: E402
import sys  # noqa: E402
import threading  # noqa: E402
import time  # noqa: E402
from importlib.metadata import version  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from flows.services import locks, templates  # noqa: E402

WORK_POOL = "keepfit"
STATE = Path("server.json")
IDLE_SECONDS = 15 * 60.0  # long enough for a person who edits and trains again; the memory is then given back
PATIENCE_SECONDS = 8.0


HERE = (b"127.0.0.1", b"localhost", b"[::1]")
"""By which names this machine's own browser and commands ask. Another one leads here when a page on the internet has
its own name point to this machine: then the browser lets it read and start flows, whatever CORS says."""


class Watched:
    """An ASGI application that knows when it was last asked, and answers `/keepfit` with its token.

    It answers nobody who asks for another host than this machine.
    """

    def __init__(self, app: Any, token: str) -> None:
        self.app = app
        self.token = token.encode()
        self.n_open = 0
        self.last_use = time.monotonic()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if not is_here(scope):
            if scope["type"] == "websocket":
                return await send({"type": "websocket.close", "code": 1008})
            return await answered(send, 421, b"This server answers 127.0.0.1 and localhost alone.\n")
        if scope["path"] == "/keepfit":
            return await answered(send, 200, self.token)
        self.n_open += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.n_open -= 1
            self.last_use = time.monotonic()

    def idle_seconds(self) -> float:
        return 0.0 if self.n_open else time.monotonic() - self.last_use


def is_here(scope: Any) -> bool:
    """Whether the request names this machine; one without a name is from no browser."""
    host = next((value for name, value in scope["headers"] if name == b"host"), b"localhost")
    return re.sub(rb":\d*$", b"", host).lower() in HERE


async def answered(send: Any, status: int, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": body})


def write_at_once() -> None:
    """Make every transaction of Prefect's on SQLite ask for the write lock when it begins, and wait for it.

    Prefect begins them as readers; one that then writes after another has written fails at once, the request is
    answered 503, and the client sleeps for two seconds: every second flow run of a row of them did.
    """
    from prefect.server.database.configurations import AioSqliteConfiguration

    begin = AioSqliteConfiguration.begin_transaction

    def begin_immediate(self: AioSqliteConfiguration, session: Any, with_for_update: bool = False) -> Any:
        return begin(self, session, with_for_update=True)

    AioSqliteConfiguration.begin_transaction = begin_immediate


def write_state(url: str, port: int, token: str) -> None:
    facts = {"pid": os.getpid(), "port": port, "url": url, "prefect": version("prefect"), "token": token}
    temporary = STATE.with_suffix(".writing")
    temporary.write_text(json.dumps(facts))
    temporary.replace(STATE)


async def have_work_pool(app: Any) -> None:
    """Make the pool that prefect.yaml names, so that `prefect deploy --all` works here as it is; 409 when it exists."""
    import httpx

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        await client.post("/api/work_pools/", json={"name": WORK_POOL, "type": "process"})


def main() -> None:
    listener = socket.socket(fileno=int(sys.argv[1]))
    port = listener.getsockname()[1]
    token = os.environ.pop("KEEPFIT_SERVER_TOKEN")
    write_state(os.environ["PREFECT_API_URL"], port, token)
    if templates.is_current(Path("prefect.db")):
        os.environ["PREFECT_SERVER_DATABASE_MIGRATE_ON_START"] = "false"

    import uvicorn
    from prefect.server.api.server import create_app

    class Host(uvicorn.Server):
        def handle_exit(self, sig: int, frame: Any) -> None:
            self.leave()

        def leave(self) -> None:
            """Be found by nobody, then close."""
            if self.should_exit:
                return
            STATE.unlink(missing_ok=True)
            self.should_exit = True
            timer = threading.Timer(PATIENCE_SECONDS, os._exit, [1])
            timer.daemon = True
            timer.start()

    write_at_once()
    app = Watched(create_app(), token)
    host = Host(uvicorn.Config(app, lifespan="on", log_config=None, access_log=False, timeout_graceful_shutdown=1))

    async def serve() -> None:
        watch = asyncio.create_task(leave_when_idle())
        await host.serve(sockets=[listener])
        watch.cancel()

    async def leave_when_idle() -> None:
        while not host.started:
            await asyncio.sleep(0.1)
        await have_work_pool(app)
        gc.collect()
        gc.freeze()
        gc.enable()
        limit = float(os.environ.get("KEEPFIT_SERVER_IDLE") or IDLE_SECONDS)
        while True:
            await asyncio.sleep(min(limit / 4, 10))
            if not STATE.exists():
                return host.leave()  # the home was removed
            # Taken alone and kept to the end, so that a command that comes now waits and spawns the next server.
            if app.idle_seconds() > limit and locks.take(Path("use.lock")) is not None:
                return host.leave()

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve())


if __name__ == "__main__":
    main()
