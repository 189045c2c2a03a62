"""The published schema of what each command prints: docs/schemas is written from here by `python -m flows.printed`."""

from __future__ import annotations

import json
from typing import Any

from pydantic import TypeAdapter

from flows.demonstrating.story import Demonstration
from flows.printed import (
    answers,
    decisions,
    exporting,
    machine,
    projects,
    quality,
    replaying,
    scoring,
    status,
    training,
    watching,
)
from flows.services.standing import Standing

PRINTED: dict[str, Any] = {
    "new": projects.New,
    "show": projects.Show,
    "expectations": quality.Expectations,
    "quarantine": quality.Quarantine,
    "train": training.Train,
    "prepare": projects.Prepare,
    "replay": replaying.Replayed,
    "predict": answers.Predict,
    "score": scoring.Score,
    "serve": answers.Serve,
    "export": exporting.Export,
    "keys": answers.Keys,
    "status": status.Status,
    "monitor": watching.Monitored,
    "ledger": decisions.Ledger,
    "promote": decisions.Moved,
    "rollback": decisions.Moved,
    "schedule": machine.Schedule,
    "up": Standing | Demonstration,  # the latter with --once
    "down": machine.Down,
    "doctor": machine.Doctor,
    "completion": machine.Completion,
    "error": machine.Error,  # instead of each, where a command fails
}


def schema(command: str) -> dict[str, Any]:
    """The JSON schema of what that command prints."""
    said = TypeAdapter[Any](PRINTED[command]).json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **said}


def text(command: str) -> str:
    """The file of it."""
    return json.dumps(schema(command), indent=1, ensure_ascii=False) + "\n"
