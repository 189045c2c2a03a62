"""Rows as JSON: one object, or a list of them."""

from __future__ import annotations

from typing import Any

import msgspec

from tasks.serving import bulk, frames, openapi
from tasks.serving.bodies import Scope
from tasks.serving.readers.reader import Reader
from tasks.serving.service import CHUNK, Service


async def _answer(service: Service, body: bytes, scope: Scope, started: int) -> tuple[bytes, str]:
    group = service.champion
    rows, single = group.model.schema.read(body)
    if len(rows) > CHUNK and service.lineup.is_alone:
        found = await bulk.answered(group, lambda model: frames.of_structs(rows, model), started)
        return await bulk.in_thread(found.as_json), "application/json"
    answers: list[Any] = await service.answers(rows, started)
    return msgspec.json.encode(answers[0] if single else answers), "application/json"


READERS = {"application/json": Reader(_answer, openapi.rows_media_type)}
