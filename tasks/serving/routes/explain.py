"""What moved the answer to a row: how much each of its columns did, against the sample rows of the model's card."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from tasks.core.errors import DataError
from tasks.scoring.explain import Explanation, explain
from tasks.serving import bodies
from tasks.serving.model import Model
from tasks.serving.refusal import Refusal
from tasks.serving.site import Site

AT_ONCE = 2
"""Explanations that are computed at a time: each is thousands of rows, and predictions go first."""


def router(site: Site) -> APIRouter:
    api = APIRouter(tags=["models"])
    turns = asyncio.Semaphore(AT_ONCE)

    @api.post("/v1/{project}/explain", openapi_extra=_DESCRIBED)
    async def explanation(project: str, request: Request) -> Response:
        """What moved the answer to one row. It is no prediction: it is not logged, and has no id."""
        service = site.service(project)
        if bodies.content_type(request.scope) != "application/json":
            raise Refusal(415, "The body has another content type", expected="application/json")
        body = await bodies.whole(request.scope, request.receive)
        model = service.champion.model
        async with turns:
            told = await asyncio.to_thread(_explained, model, body)
        answer = {"model": model.identity_json, **told.model_dump()}
        return Response(msgspec.json.encode(answer), media_type="application/json")

    return api


def _explained(model: Model, body: bytes) -> Explanation:
    schema = model.schema
    rows, single = schema.read(body)
    if len(rows) != 1:
        raise Refusal(
            422,
            "One row is explained at a time",
            expected="a JSON object, the row",
            found=f"a list of {len(rows):,}" if not single else None,
            action="Send one row.",
        )
    [values], floats = schema.packed(rows)
    model.answer("", model.ask(floats)[0], 0)  # refuses a row that has no finite answer
    background = [schema.values(schema.read(sample.encode())[0][0]) for sample in model.card.sample]
    try:
        return explain(model.scorer, values, background)
    except DataError as exc:
        raise Refusal(422, exc.what, row=0, expected=exc.expected, found=exc.found, action=exc.action) from exc


_DESCRIBED: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"type": "object", "description": "a row, as predict takes it"}}},
    }
}
