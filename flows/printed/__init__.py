"""What each command prints with `--json`, as models: a command fills in its own, and `in_json` is the line of it.

A name is never renamed and never gets another meaning; a later version may add some.
"""

from __future__ import annotations

import json

from tasks.core.records import Record


def in_json(printed: Record) -> str:
    """The record as one JSON object; a name with a default that was not given is left out.

    Pydantic's own writer would refuse a file's name whose bytes are no text.
    """
    left_out = type(printed).model_fields.keys() - printed.model_fields_set
    return json.dumps(printed.model_dump(mode="json", exclude=left_out))
