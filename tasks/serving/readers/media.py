"""The bytes of one image or sound, for models that take nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tasks.core.model_records import ModelCard
from tasks.core.records import ColumnType
from tasks.serving.bodies import Scope
from tasks.serving.readers.form import one_row
from tasks.serving.readers.reader import Reader
from tasks.serving.refusal import Refusal
from tasks.serving.service import Service

KINDS: dict[ColumnType, tuple[str, ...]] = {
    "image": ("image/png", "image/jpeg", "image/gif", "image/bmp", "image/webp"),
    "sound": ("audio/wav", "audio/x-wav", "audio/flac", "audio/ogg"),
}


def _reader(column_type: ColumnType) -> Reader:
    async def answer(service: Service, body: bytes, scope: Scope, started: int) -> tuple[bytes, str]:
        inputs = service.champion.model.card.inputs
        if [column.type for column in inputs] != [column_type]:
            raise Refusal(
                415,
                f"The model does not take one {column_type} alone",
                expected=", ".join(f"{column.name} ({column.type})" for column in inputs[:20]),
                found=f"the bytes of one {column_type}",
                action="Send JSON, or multipart/form-data.",
            )
        return await one_row(service, {inputs[0].name: body or None}, started)

    def described(card: ModelCard, key: Sequence[str]) -> dict[str, Any] | None:
        if [column.type for column in card.inputs] != [column_type]:
            return None
        return {"schema": {"type": "string", "format": "binary", "description": f"The file of one {column_type}"}}

    return Reader(answer, described, is_simple=True)


READERS = {kind: _reader(column_type) for column_type, kinds in KINDS.items() for kind in kinds}
