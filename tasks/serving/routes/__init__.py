"""What the model API answers besides predictions: one file a subject, each with a `router(site)`."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi

from tasks.serving import openapi
from tasks.serving.readers import ANSWERS, READERS
from tasks.serving.routes import explain, figures, health, models, monitoring, open_inference, outcomes, page
from tasks.serving.site import Site


def routers(site: Site) -> list[APIRouter]:
    """Every router of the API."""
    return [
        each.router(site) for each in (health, models, explain, figures, monitoring, outcomes, open_inference, page)
    ]


def described(site: Site, app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, with the rows and classes of the models that serve now."""
    only = site.only
    title = f"{only.name}: predict {only.champion.model.card.target.name}" if only else ", ".join(site.services)
    version = only.champion.model.identity.version if only else "1"
    document = get_openapi(title=title, version=version, routes=app.routes)
    paths: dict[str, Any] = {}
    for name, service in site.services.items():
        model = service.champion.model
        described = {kind: reader.described(model.card, service.key) for kind, reader in READERS.items()}
        bodies = {kind: media_type for kind, media_type in described.items() if media_type is not None}
        paths[f"/v1/{name}/predict"] = openapi.predict_path(model.card, bodies, ANSWERS, f"predict_{name}")
    document["paths"] = {**paths, **document["paths"]}
    return document
