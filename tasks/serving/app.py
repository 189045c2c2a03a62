"""The model API as one ASGI application: /predict by the short way, everything else by FastAPI."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException

from tasks.serving import openapi
from tasks.serving.model import Model
from tasks.serving.predict import Predict, Receive, Scope, Send, log
from tasks.serving.refusal import BROKEN, Refusal

PAGE = Path(__file__).with_name("page.html")


def application(model: Model) -> Any:
    """The ASGI 3 application that serves this model."""
    predict = Predict(model)
    others = _others(predict)

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/predict":
            await predict(scope, receive, send)
        else:
            await others(scope, receive, send)

    return serve


def _others(predict: Predict) -> FastAPI:
    # The documentation pages that FastAPI brings load scripts from the internet: /openapi.json is enough.
    app = FastAPI(title="keepfit", docs_url=None, redoc_url=None)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @app.get("/readyz")
    async def readyz() -> Response:
        """The model answers: it is asked its sample rows anew."""
        model = predict.group.model
        try:
            model.prove()
        except Exception:
            log.exception("The model does not answer its sample rows")
            return Response(BROKEN.body(), 503, media_type="application/json")
        return JSONResponse({"status": "ready", "model": _identity(model)})

    @app.get("/model")
    async def model() -> dict[str, Any]:
        """Which model answers, and its card: inputs, features, target, and rows to try."""
        model = predict.group.model
        return {"model": _identity(model), "card": model.card.model_dump(mode="json")}

    @app.get("/", include_in_schema=False)
    async def page() -> HTMLResponse:
        content, policy = _page(predict.group.model)
        return HTMLResponse(content, headers={"content-security-policy": policy})

    def described() -> dict[str, Any]:
        model = predict.group.model
        title = f"{model.identity.name}: predict {model.card.target.name}"
        document = get_openapi(title=title, version=model.identity.version, routes=app.routes)
        document["paths"] = {"/predict": openapi.predict_path(model.card), **document["paths"]}
        return document

    app.openapi = described

    @app.exception_handler(HTTPException)
    async def refused(request: Request, exc: HTTPException) -> Response:
        refusal = Refusal(exc.status_code, str(exc.detail), found=f"{request.method} {request.url.path}")
        return Response(refusal.body(), exc.status_code, exc.headers, "application/json")

    @app.exception_handler(Exception)
    async def broken(request: Request, exc: Exception) -> Response:
        return Response(BROKEN.body(), BROKEN.status, media_type="application/json")

    return app


def _identity(model: Model) -> dict[str, str]:
    return {"name": model.identity.name, "version": model.identity.version, "digest": model.identity.digest}


def _page(model: Model) -> tuple[str, str]:
    """The page for people, and the policy that lets it run its own script and nothing else."""
    facts = {
        "model": _identity(model),
        "target": model.card.target.name,
        "fields": openapi.form(model.card),
        "samples": openapi.samples(model.card),
    }
    # A name in the data may hold "</script>".
    text = json.dumps(facts, ensure_ascii=True).replace("<", "\\u003c")
    title = html.escape(f"{model.identity.name}: predict {model.card.target.name}")
    content = PAGE.read_text(encoding="utf-8").replace("{title}", title).replace("{facts}", text)
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in re.findall(r"<script>(.*?)</script>", content, re.DOTALL)
    )
    media = "img-src data:; media-src data:"
    policy = f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; connect-src 'self'; {media}"
    return content, f"{policy}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
