"""What the steps remember: the record that a step returned for a key, as long as its files are there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TypeVar, cast

from pydantic import BaseModel, ValidationError

from tasks.core import store
from tasks.core.records import Blob, Record

R = TypeVar("R")


def recall(step: str, key: str, kind: type[R]) -> R | None:
    """The record remembered for the key; None when there is none, it is damaged, or a file of it is gone."""
    try:
        stored = json.loads((store.home() / "memory" / step / f"{key}.json").read_bytes())
        record = cast("type[BaseModel]", kind).model_validate(stored)
    except (FileNotFoundError, json.JSONDecodeError, UnicodeDecodeError, ValidationError):
        return None
    return cast("R", record) if is_whole(record) else None


def remember(step: str, key: str, record: Record) -> None:
    """Write the record for the key, all of it or nothing."""
    folder = store.home() / "memory" / step
    folder.mkdir(exist_ok=True)
    store.write_file(folder / f"{key}.json", record.model_dump_json(indent=1).encode())


def blobs(value: object) -> Iterator[Blob]:
    """Every blob that a record names, at any depth."""
    if isinstance(value, Blob):
        yield value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from blobs(getattr(value, name))
    elif isinstance(value, tuple):
        for item in cast("tuple[object, ...]", value):
            yield from blobs(item)


def is_whole(record: object) -> bool:
    """Whether every file that the record names is there, as long as it was."""
    try:
        return all(store.path(blob).stat().st_size == blob.size for blob in blobs(record))
    except FileNotFoundError:
        return False
