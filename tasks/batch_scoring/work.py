"""The folder in which a batch is scored, and what is remembered in it."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from pydantic import JsonValue, ValidationError

from tasks.core import store
from tasks.core.records import Record
from tasks.outputs import Output
from tasks.sources import Source
from tasks.sources.joined import Joined


class Batch(Record):
    """Rows that are pinned: how many, the digest of all of them, how many chunks; `position` is where they end."""

    id: str
    digest: str
    n_rows: int
    n_chunks: int
    position: JsonValue = None
    left_out: tuple[tuple[str, int], ...] = ()
    """What of the source was no row, by reason."""


class Done(Record):
    """The last finished batch: its id, its rows' digest, the version that was asked last, what the output looked
    like then, and where the rows end.
    """

    id: str
    digest: str
    version: str
    stamp: str
    position: JsonValue = None


class Work:
    """The folder of one source and one output of a project; it exists."""

    def __init__(self, project: str, source: Source | Joined, output: Output) -> None:
        said = json.dumps([source.model_dump(mode="json"), output.model_dump(mode="json")])
        name = hashlib.sha256(said.encode()).hexdigest()[:16]
        self.folder = store.home() / "scoring" / project / name
        self.folder.mkdir(parents=True, exist_ok=True)

    def rows(self, digest: str) -> Path:
        """The file of the rows of a batch, a chunk a record batch."""
        return self.folder / "rows" / f"{digest}.arrow"

    @property
    def answers(self) -> Path:
        """The folder of the answers to the batch at hand."""
        return self.folder / "answers"

    @property
    def schema(self) -> Path:
        """The file of the columns of all batches so far."""
        return self.folder / "schema.arrow"

    def batch(self) -> Batch | None:
        """The batch at hand; None when there is none, or a file of it is damaged or gone."""
        try:
            found = Batch.model_validate_json((self.folder / "batch.json").read_bytes())
        except (FileNotFoundError, ValidationError):
            return None
        return found if self.rows(found.digest).exists() else None

    def begin(self, batch: Batch) -> None:
        """Have this batch at hand, now that its rows are safe."""
        store.write_file(self.folder / "batch.json", batch.model_dump_json(indent=1).encode())

    def done(self) -> Done | None:
        """The last finished batch."""
        try:
            return Done.model_validate_json((self.folder / "done.json").read_bytes())
        except (FileNotFoundError, ValidationError):
            return None

    def end(self, done: Done) -> None:
        """Remember that the batch is delivered, and forget its rows."""
        store.write_file(self.folder / "done.json", done.model_dump_json(indent=1).encode())
        self.clear()

    def discard_answers(self) -> None:
        """Ask every row again."""
        shutil.rmtree(self.answers, ignore_errors=True)

    def clear(self) -> None:
        """Leave nothing of a batch at hand."""
        (self.folder / "batch.json").unlink(missing_ok=True)
        for name in ("rows", "answers", "fetched"):
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def forget(self) -> None:
        """Begin anew: neither a batch nor a position is left."""
        self.clear()
        (self.folder / "done.json").unlink(missing_ok=True)
        self.schema.unlink(missing_ok=True)
