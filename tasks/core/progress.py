"""How far a run is, for whoever wants to show it: the steps say it, the command draws it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

Listener = Callable[[str, str, int, int | None], None]

listener: ContextVar[Listener | None] = ContextVar("progress_listener", default=None)


def advance(step: str, text: str, done: int, total: int | None = None) -> None:
    """Tell that `step` has `done` of `total` behind it (None: unknown); `text` says what it is at."""
    if (tell := listener.get()) is not None:
        tell(step, text, done, total)


def told(step: str, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same batches, while it is told how many rows `step` has read."""
    n_rows = 0
    for batch in batches:
        yield batch
        n_rows += batch.num_rows
        advance(step, f"{n_rows:,} rows", n_rows, None)
