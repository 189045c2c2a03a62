"""What the commands print by which models answer, and by which they may be asked."""

from __future__ import annotations

from typing import Any

from flows.printed.parts import Model
from tasks.core.clients import Client
from tasks.core.records import Record


class Predict(Record):
    """The answers, or the file that they are in."""

    project: str
    model: Model
    rows: int
    answers: tuple[dict[str, Any], ...] = ()
    output: str = ""
    seconds: float


class Serve(Record):
    """Printed when it answers; then it goes on."""

    projects: tuple[str, ...]
    address: str
    project: str


class Keys(Record):
    """The keys; `key` is the new one, shown this once."""

    project: str
    added: str = ""
    key: str = ""
    revoked: str = ""
    keys: tuple[Client, ...]
