"""What the output of several commands is made of."""

from __future__ import annotations

from typing import Any

from pydantic import create_model

from tasks.core.records import Record


class Model(Record):
    """A registered model; no version where it was not registered."""

    name: str
    version: str | None
    digest: str


def without(record: type[Record], *names: str) -> Any:
    """The record without the fields that are kept in files."""
    fields: dict[str, Any] = {
        name: (field.annotation, field) for name, field in record.model_fields.items() if name not in names
    }
    return create_model(record.__name__, __base__=Record, __doc__=record.__doc__, **fields)
