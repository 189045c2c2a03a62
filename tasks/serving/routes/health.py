"""Whether the process lives, and whether its models answer."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from tasks.serving.refusal import BROKEN, Refusal
from tasks.serving.site import Site

log = logging.getLogger("keepfit.serving")


def router(site: Site) -> APIRouter:
    api = APIRouter(tags=["health"])

    @api.get("/healthz")
    async def healthz() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @api.get("/readyz")
    async def readyz() -> Response:
        """Every model answers: it is asked its sample rows anew. What could not be loaded is told as `failed`."""
        told: dict[str, Any] = {}
        try:
            for name, service in site.services.items():
                model = service.champion.model
                await asyncio.to_thread(model.prove)
                told[name] = {
                    "model": model.identity_json,
                    **({"failed": service.lineup.failed} if service.lineup.failed else {}),
                }
        except Refusal as refusal:
            return Response(refusal.body(), 503, media_type="application/json")
        except Exception:
            log.exception("A model does not answer its sample rows")
            return Response(BROKEN.body(), 503, media_type="application/json")
        one = {"model": told[site.only.name]["model"]} if site.only is not None else {}
        return JSONResponse({"status": "ready", **one, "projects": told})

    return api
