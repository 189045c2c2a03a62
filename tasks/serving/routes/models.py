"""Which models answer: their cards, the fields of their rows, and the decisions that put them there."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter

from tasks.core import ledger, store
from tasks.core.errors import KeepfitError
from tasks.serving import openapi
from tasks.serving.service import Service
from tasks.serving.site import Site

MOST_DECISIONS = 50


def router(site: Site) -> APIRouter:
    api = APIRouter(tags=["models"])

    @api.get("/v1")
    async def projects() -> dict[str, Any]:
        """The projects that are served here."""
        return {"projects": [_told(service) for service in site.services.values()]}

    @api.get("/v1/{project}/model")
    async def model(project: str) -> dict[str, Any]:
        """Which model answers, since when, on what evidence, and its card: inputs, features, target, rows to try."""
        return await _card(site.service(project))

    @api.get("/v1/{project}/form")
    async def form(project: str) -> dict[str, Any]:
        """The fields of a row, and rows to try: what a page for people needs."""
        service = site.service(project)
        card = service.champion.model.card
        return {**_told(service), "fields": openapi.form(card), "samples": openapi.samples(card)}

    @api.get("/v1/{project}/ledger")
    async def decisions(project: str) -> dict[str, Any]:
        """The newest decisions about the project's models."""
        service = site.service(project)
        return {"project": project, "decisions": await asyncio.to_thread(_decisions, service, MOST_DECISIONS)}

    if site.only is not None:
        only = site.only

        @api.get("/model")
        async def the_model() -> dict[str, Any]:
            """Which model answers: `/v1/{project}/model` of the only project."""
            return await _card(only)

    return api


def _told(service: Service) -> dict[str, Any]:
    model = service.champion.model
    target = model.card.target
    return {
        "project": service.name,
        "model": model.identity_json,
        "since": service.lineup.since or None,
        "target": target.name,
        "problem": target.problem,
        "classes": list(target.classes),
    }


async def _card(service: Service) -> dict[str, Any]:
    card = service.champion.model.card
    evidence = await asyncio.to_thread(_evidence, service)
    return {**_told(service), "evidence": evidence, "card": card.model_dump(mode="json")}


def _evidence(service: Service) -> dict[str, Any] | None:
    """What the decision stood on by which the model serves; None when the ledger is away or knows nothing."""
    version = service.champion.model.identity.version
    try:
        found = _decisions(service, MOST_DECISIONS)
    except KeepfitError:
        return None
    return next((each for each in found if each["version"] == version), None)


def _decisions(service: Service, limit: int) -> list[dict[str, Any]]:
    with store.opened(service.home):
        return [entry.model_dump(mode="json") for entry in ledger.entries(service.name, limit)]
