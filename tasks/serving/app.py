"""The model API as one ASGI application: predictions by their own way, everything else by FastAPI."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from tasks.core.errors import Unavailable, UsageError
from tasks.serving import access, bodies, routes
from tasks.serving.bodies import Receive, Scope, Send
from tasks.serving.predict import predict, refuse
from tasks.serving.refusal import BROKEN, Refusal
from tasks.serving.site import Site

AWAY = Refusal(503, "Something that this answer needs is away", action="Try again later; predictions go on.")
AWAY_HEADERS = {"retry-after": "5"}

log = logging.getLogger("keepfit.serving")


def application(site: Site) -> Any:
    """The ASGI 3 application that serves the site."""
    others = _others(site)

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(site, receive, send)
            return
        path = scope["path"]
        try:
            site.hosts.check(bodies.header(scope, b"host"))
            service = site.named(path)
            if path not in access.PUBLIC:
                _admit(site, service, scope)
        except Refusal as refusal:
            await refuse(refusal, send, path)
            return
        if service is not None and site.predicts(path) is service:
            await predict(service, scope, receive, send)
        else:
            await others(scope, receive, send)

    return serve


async def _lifespan(site: Site, receive: Receive, send: Send) -> None:
    await receive()
    site.start()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    site.stop()
    await send({"type": "lifespan.shutdown.complete"})


def _admit(site: Site, service: Any, scope: Scope) -> None:
    """Let those in who may ask; what belongs to no project is for whoever may ask any. Raises Refusal."""
    authorization = bodies.header(scope, b"authorization")
    asked = [service] if service is not None else list(site.services.values())
    refusals: list[Refusal] = []
    for each in asked:
        try:
            caller = site.access(each).caller(authorization)
            if caller is not None:
                caller.take()
            return
        except Refusal as refusal:
            refusals.append(refusal)
    raise refusals[0]


def _others(site: Site) -> FastAPI:
    # The documentation pages that FastAPI brings load scripts from the internet: /openapi.json is enough.
    app = FastAPI(title="keepfit", docs_url=None, redoc_url=None)
    for router in routes.routers(site):
        app.include_router(router)
    app.openapi = lambda: routes.described(site, app)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, exc: HTTPException) -> Response:
        refusal = Refusal(exc.status_code, str(exc.detail), found=f"{request.method} {request.url.path}"[:200])
        return Response(refusal.body(request.url.path), exc.status_code, exc.headers, "application/json")

    @app.exception_handler(Refusal)
    async def refusal(request: Request, exc: Refusal) -> Response:
        headers = {name.decode(): value.decode() for name, value in exc.headers}
        return Response(exc.body(request.url.path), exc.status, headers, "application/json")

    @app.exception_handler(UsageError)
    async def refused_in_words(request: Request, exc: UsageError) -> Response:
        told = Refusal(422, exc.what, expected=exc.expected or None, found=exc.found or None, action=exc.action or None)
        return Response(told.body(request.url.path), told.status, media_type="application/json")

    @app.exception_handler(Unavailable)
    async def away(request: Request, exc: Unavailable) -> Response:
        log.error("A request failed: %s", exc)  # which database is away, and where it is, is for the log alone
        return Response(AWAY.body(request.url.path), AWAY.status, AWAY_HEADERS, media_type="application/json")

    @app.exception_handler(Exception)
    async def broken(request: Request, exc: Exception) -> Response:
        log.error("A request failed", exc_info=exc)
        return Response(BROKEN.body(request.url.path), BROKEN.status, media_type="application/json")

    return app
