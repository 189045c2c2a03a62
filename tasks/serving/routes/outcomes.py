"""Labels that come later: what really happened to a row that was predicted."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import msgspec
from fastapi import APIRouter, Request

from tasks.core import outcomes, store
from tasks.serving import bodies
from tasks.serving.refusal import Refusal
from tasks.serving.service import Service
from tasks.serving.site import Site

MOST_OUTCOMES = 10_000
FORM = 'Send {"id": "…", "outcome": …} with the id of the prediction, or {"key": …, "outcome": …}.'


class Outcome(msgspec.Struct, forbid_unknown_fields=True):
    """What became of one row: by the prediction's `id` or the caller's own `key`; `at` is when it was known."""

    outcome: str | int | float | bool
    id: str | None = None
    key: str | int | list[str | int] | None = None
    at: datetime | None = None


_one = msgspec.json.Decoder(Outcome)
_many = msgspec.json.Decoder(list[Outcome])


def router(site: Site) -> APIRouter:
    api = APIRouter(tags=["outcomes"])

    @api.post("/v1/{project}/outcomes", openapi_extra=_DESCRIBED)
    async def add(project: str, request: Request) -> dict[str, int]:
        """Tell what became of rows that were predicted. The same twice counts once; a correction replaces."""
        service = site.service(project)
        if bodies.content_type(request.scope) != "application/json":
            raise Refusal(415, "The body has another content type", expected="application/json")
        told = _read(await bodies.whole(request.scope, request.receive))
        rows = [_row(service, each, number) for number, each in enumerate(told)]
        new, repeated = await asyncio.to_thread(_add, service, rows)
        return {"new": new, "repeated": repeated}

    return api


def _read(body: bytes) -> list[Outcome]:
    try:
        told = _many.decode(body) if body.lstrip(b" \t\r\n").startswith(b"[") else [_one.decode(body)]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        status = 422 if isinstance(exc, msgspec.ValidationError) else 400
        raise Refusal(status, "The outcomes cannot be read", found=str(exc)[:200], action=FORM) from exc
    if len(told) > MOST_OUTCOMES:
        raise Refusal(413, "Too many outcomes in one request", expected=f"at most {MOST_OUTCOMES:,}")
    return told


def _row(service: Service, told: Outcome, number: int) -> outcomes.Outcome:
    if (told.id is None) == (told.key is None):
        raise Refusal(422, "An outcome belongs to one row", row=number, expected="`id` or `key`", action=FORM)
    target = service.champion.model.card.target
    outcome: str | float = told.outcome if isinstance(told.outcome, str) else float(told.outcome)
    if target.classes:
        outcome = _class(told.outcome, target.classes, number)
    elif isinstance(told.outcome, str) or told.outcome != told.outcome:
        raise Refusal(422, "The outcome is no number", row=number, field="outcome", expected="a number", action=FORM)
    key = service.key_text(told.key if isinstance(told.key, list) else [told.key]) if told.key is not None else None
    return outcomes.Outcome(id=told.id, key=key, outcome=outcome, at=told.at)


def _class(said: str | float | bool, classes: tuple[str, ...], number: int) -> str:
    """The class that is meant: 1, 1.0, true and "1" may all be its name."""
    names = [str(said), f"{said:g}" if isinstance(said, float) else "", str(said).lower()]
    if isinstance(said, bool):
        names.append(str(int(said)))
    for name in names:
        if name in classes:
            return name
    raise Refusal(
        422,
        "The outcome is no class that the model knows",
        row=number,
        field="outcome",
        expected=", ".join(classes[:20]),
        found=str(said)[:100],
        action="Send the class as it stands in the data.",
    )


def _add(service: Service, rows: list[outcomes.Outcome]) -> tuple[int, int]:
    with store.opened(service.home):
        return outcomes.add(service.name, rows)


_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "description": "the prediction's id"},
        "key": {"description": "the caller's own key, as `serve` names it, in place of the id"},
        "outcome": {"description": "the class, or the value"},
        "at": {"type": "string", "format": "date-time", "description": "when it was known; now, if left out"},
    },
    "required": ["outcome"],
}
_DESCRIBED: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"oneOf": [_SCHEMA, {"type": "array", "items": _SCHEMA}]}}},
    }
}
