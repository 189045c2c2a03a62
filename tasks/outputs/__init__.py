"""Where scored rows go: one class a kind. The union is the registry, and the schema of `output` in `score:`.

An output is a frozen record with `kind` and a `title` for messages. `grows` says whether batches are added to what is
there, or one replaces the other; `require` refuses at once what could not be written in the end; `take` writes the
rows of a batch, each once, however often it is called for it; `stamp` tells whether they are still there as they were;
`side` is the file for what was refused.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from tasks.outputs.file import File
from tasks.outputs.table import Table


def spoken(said: Any) -> Any:
    """A bare text is a file, a folder, or `<address of a database>#<table>`: what it is in full."""
    if not isinstance(said, str):
        return said
    url, _, table = said.rpartition("#")
    if "://" not in url:
        return {"kind": "file", "path": said}
    if url.startswith("sqlite:///"):
        return {"kind": "sql", "path": url.removeprefix("sqlite:///"), "table": table}
    return {"kind": "sql", "url": url, "table": table}


Output = Annotated[Annotated[File | Table, Field(discriminator="kind")], BeforeValidator(spoken)]

__all__ = ["File", "Output", "Table", "spoken"]
