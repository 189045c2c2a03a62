"""What was collected from a source that is read bit by bit: its rows so far, and where the next reading goes on.

    sources/<digest of the source>.json   this record; written after the rows that it names are safe
    sources/<digest of the source>.txt    how it looked, for people
    sources/<digest of the source>/       what a broken reading had fetched

The digest is over the source as the project declares it, secrets unread: a new password goes on where the old one was.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, JsonValue, ValidationError

from tasks.core import memory, store
from tasks.core.records import Dataset, Record


class Collected(Record):
    """The rows so far, the position behind them, and of each text column the counts of the census.

    How many of its values are numbers, and how many are words that stand for a missing one.
    """

    dataset: Dataset
    position: JsonValue
    numbers: Mapping[str, int]
    words: Mapping[str, int] = {}


def recall(source: BaseModel) -> Collected | None:
    """What is there from earlier readings; None when there is nothing, or a file of it is damaged or gone."""
    try:
        found = Collected.model_validate(json.loads(_file(source).read_bytes()))
    except (FileNotFoundError, json.JSONDecodeError, UnicodeDecodeError, ValidationError):
        return None
    return found if memory.is_whole(found) else None


def remember(source: BaseModel, collected: Collected) -> None:
    """Keep the position, now that the rows are safe, all of it or nothing."""
    store.write_file(_file(source), collected.model_dump_json(indent=1).encode())


def folder(source: BaseModel) -> Path:
    """The source's folder for what should not be fetched twice; it exists."""
    place = _file(source).with_suffix("")
    place.mkdir(exist_ok=True)
    return place


def forget(source: BaseModel) -> None:
    """Begin anew: neither a position nor anything fetched is left."""
    _file(source).unlink(missing_ok=True)
    empty(source)


def empty(source: BaseModel) -> None:
    """Remove what was fetched: it is among the rows now."""
    shutil.rmtree(_file(source).with_suffix(""), ignore_errors=True)


def describe(source: BaseModel, look: str) -> None:
    """Keep how the source looked."""
    store.write_file(_file(source).with_suffix(".txt"), look.encode())


def described(source: BaseModel) -> str:
    """How the source looked when it was last read; empty when it did not say."""
    try:
        return _file(source).with_suffix(".txt").read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return ""


def _file(source: BaseModel) -> Path:
    place = store.home() / "sources"
    place.mkdir(exist_ok=True)
    return place / f"{hashlib.sha256(source.model_dump_json().encode()).hexdigest()[:32]}.json"
