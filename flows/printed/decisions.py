"""What the commands print that decide what serves, or tell of it."""

from __future__ import annotations

from tasks.core.ledger import Entry
from tasks.core.records import Record


class Ledger(Record):
    """The newest decisions first."""

    project: str
    entries: tuple[Entry, ...]


class Moved(Entry):
    """The decision that was made; `notice` is what was put right before."""

    notice: str | None
    seconds: float
