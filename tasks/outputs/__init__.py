"""Where scored rows go: one class a kind. The union is the registry, and the schema of `output` in `score:`.

An output is a frozen record with `kind` and a `title` for messages. `grows` says whether batches are added to what is
there, or one replaces the other; `require` refuses at once what could not be written in the end; `take` writes the
rows of a batch, each once, however often it is called for it; `side` is the file for what was refused.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator

from tasks.outputs.file import File


def _of_text(said: Any) -> Any:
    """A bare text is a file, a folder, or `<address of a database>#<table>`."""
    if not isinstance(said, str):
        return said
    return {"kind": "file", "path": said}


Output = Annotated[File, BeforeValidator(_of_text)]

__all__ = ["File", "Output"]
