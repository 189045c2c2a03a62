"""What each command prints with `--json`, as models: docs/schemas is made of them by `python -m flows.printed`.

A name is never renamed and never gets another meaning; a later version may add some.
"""

from __future__ import annotations

import json
from typing import Any

from flows.printed import answers, decisions, machine, projects
from tasks.core.records import Record

PRINTED: dict[str, type[Record]] = {
    "new": projects.New,
    "show": projects.Show,
    "expectations": projects.Expectations,
    "quarantine": projects.Quarantine,
    "train": projects.Train,
    "prepare": projects.Prepare,
    "replay": projects.Replayed,
    "predict": answers.Predict,
    "score": answers.Score,
    "serve": answers.Serve,
    "keys": answers.Keys,
    "status": decisions.Status,
    "monitor": decisions.Monitored,
    "ledger": decisions.Ledger,
    "promote": decisions.Moved,
    "rollback": decisions.Moved,
    "schedule": machine.Schedule,
    "up": machine.Up,
    "down": machine.Down,
    "doctor": machine.Doctor,
    "completion": machine.Completion,
    "error": machine.Error,  # instead of each, where a command fails
}


def schema(command: str) -> dict[str, Any]:
    """The JSON schema of what that command prints."""
    said = PRINTED[command].model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **said}


def text(command: str) -> str:
    """The file of it."""
    return json.dumps(schema(command), indent=1, ensure_ascii=False) + "\n"
