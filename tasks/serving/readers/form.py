"""One row as multipart/form-data: a part a column, images and sounds as files, all others as text.

A browser's form and `curl -F` send that. An empty part is a missing value.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from tasks.core.model_records import ModelCard
from tasks.core.records import BYTES, Column
from tasks.scoring.inputs import TRUTHS
from tasks.serving.bodies import Scope, header
from tasks.serving.readers.parts import Part, parts_of
from tasks.serving.readers.reader import Reader
from tasks.serving.refusal import Refusal
from tasks.serving.service import Service


async def one_row(service: Service, values: Mapping[str, Any], started: int) -> tuple[bytes, str]:
    """The answer to one row by columns, as to a JSON object."""
    schema = service.champion.model.schema
    answers = await service.answers([schema.row(values)], started)
    return msgspec.json.encode(answers[0]), "application/json"


async def _answer(service: Service, body: bytes, scope: Scope, started: int) -> tuple[bytes, str]:
    schema = service.champion.model.schema
    parts = parts_of(body, header(scope, b"content-type") or b"", len(schema.columns) + len(schema.key))
    return await one_row(service, _values(parts, schema.columns), started)


def _values(parts: Sequence[Part], columns: Sequence[Column]) -> dict[str, Any]:
    types = {column.name: column for column in columns}
    media = [column.name for column in columns if column.type in BYTES]
    found: dict[str, Any] = {}
    for part in parts:
        # Whoever sends the only image need not know what its column is called.
        name = media[0] if part.is_file and len(media) == 1 else part.name
        if name in found:
            raise Refusal(
                422,
                f"The part “{name[:100]}” is there twice",
                row=0,
                field=name,
                expected="one row a request",
                action="Send several rows as JSON or Arrow.",
            )
        found[name] = _value(part, types.get(name))
    return found


def _value(part: Part, column: Column | None) -> Any:
    """What the part says in the column's type; the text itself if it says nothing of it, which is refused later."""
    if not part.data:
        return None
    if column is not None and column.type in BYTES:
        return part.data
    text = part.text()
    if column is None or column.type in ("text", "date"):
        return text
    if column.type == "boolean":
        return TRUTHS.get(text.strip().lower(), text)
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def _described(card: ModelCard, key: Sequence[str]) -> dict[str, Any]:
    def media_type(column: Column) -> dict[str, Any]:
        if column.type in BYTES:
            return {"type": "string", "format": "binary", "description": f"The file of a {column.type}"}
        return {"type": "string", "description": f"A {column.type}; empty is a missing value"}

    properties = {name: {"type": "string", "description": "by what you know the row"} for name in key}
    properties |= {column.name: media_type(column) for column in card.inputs}
    names = [column.name for column in card.inputs]
    return {"schema": {"type": "object", "properties": properties, "required": names}}


READERS = {"multipart/form-data": Reader(_answer, _described, is_simple=True)}
