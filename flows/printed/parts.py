"""What the output of several commands is made of."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import PlainSerializer, WithJsonSchema, create_model

from tasks.core.records import Record

Moment = Annotated[
    datetime, PlainSerializer(datetime.isoformat), WithJsonSchema({"type": "string", "format": "date-time"})
]
"""A time with its offset in digits: `+00:00`, where pydantic would write `Z`."""


class Model(Record):
    """A registered model; no version where it was not registered."""

    name: str
    version: str | None
    digest: str


def without(record: type[Record], *names: str) -> type[Record]:
    """The record without these fields, which are printed otherwise or are of no use outside."""
    fields: dict[str, Any] = {
        name: (field.annotation, field) for name, field in record.model_fields.items() if name not in names
    }
    return create_model(record.__name__, __base__=Record, __doc__=record.__doc__, **fields)


def rest(record: Record, *names: str) -> dict[str, Any]:
    """The values of such a record's other fields."""
    return {name: value for name, value in record if name not in names}
