"""One reading of a source: where it goes on from, how far it came, and what it had to leave out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import JsonValue

from tasks.core import store
from tasks.core.records import Note, Rejected

if TYPE_CHECKING:
    import pyarrow as pa

MOST_BYTES = 64 << 10
"""Of one rejected item so much is kept to look at."""


class Intake:
    """What a source is given with the question for its rows, and what it answers besides them.

    position  where the rows end that are safe already, in the source's own words; None: from the beginning
    schema    the columns of these rows, which the new ones must have too; None: nothing is known yet
    folder    a folder that outlives a broken reading, for what should not be fetched twice; emptied once all is safe
    reached   set by the source as it yields: the position behind the last row. A source that leaves it None has no
              place to go on from, and is read as a whole every time
    reasons   how many items were put into quarantine for which reason
    forgets   whether what was read before may be gone from the source by now: nobody wants these rows again
    look      set by the source: how what it read is laid out, in a few words for `keepfit show`
    """

    def __init__(self, position: JsonValue = None, schema: pa.Schema | None = None, folder: Path | None = None) -> None:
        self.position = position
        self.schema = schema
        self.folder = folder
        self.reached: JsonValue = None
        self.look = ""
        self.forgets = False
        self.restarted = False
        self.notes: list[Note] = []
        self._rejected: list[tuple[str, str, bytes]] = []
        self.reasons: Counter[str] = Counter()

    def reject(self, where: str, reason: str, content: bytes | str = b"", n_items: int = 1) -> None:
        """Put something that cannot be a row into quarantine: a broken file, a line that is none.

        Of very many alike a source may show some, and say of the last how many items it stands for.
        """
        kept = content if isinstance(content, bytes) else content.encode()
        self._rejected.append((where, reason, kept[:MOST_BYTES]))
        self.reasons[reason] += n_items

    def note(self, kind: Literal["duplicates", "missing"], text: str, n_rows: int, column: str | None = None) -> None:
        """Tell of something that is no row and is not broken either: it comes into the report."""
        self.notes.append(Note(kind=kind, column=column, n_rows=n_rows, text=text))

    def noted(self, before: Iterable[Note] = ()) -> tuple[Note, ...]:
        """The notes of this reading and of those before it; what is told of one thing twice is added up."""
        counts: Counter[Note] = Counter()
        for note in (*before, *self.notes):
            counts[note.model_copy(update={"n_rows": 0})] += note.n_rows
        return tuple(note.model_copy(update={"n_rows": n_rows}) for note, n_rows in counts.items())

    def restart(self) -> None:
        """Say, before the first batch, that all rows follow: what was collected before no longer holds."""
        self.position, self.schema, self.restarted = None, None, True
        self._rejected.clear()
        self.reasons.clear()
        self.notes.clear()

    def rejected(self, before: Rejected | None = None) -> Rejected | None:
        """All that was put into quarantine, with what earlier readings put there; None when nothing was."""
        import polars as pl

        if not self._rejected:
            return before
        schema = {"where": pl.String, "reason": pl.String, "content": pl.Binary}
        table = pl.DataFrame(self._rejected, schema=schema, orient="row")
        if before is not None:
            table = pl.concat([pl.read_parquet(store.path(before.rows)), table])
        counts = Counter(dict(before.reasons) if before else {}) + self.reasons
        return Rejected(n_rows=counts.total(), reasons=tuple(counts.most_common()), rows=store.put_table(table))
