"""How far a run is, for whoever wants to show it: the steps say it, the command draws it."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

Listener = Callable[[str, str, int, int | None], None]

listener: ContextVar[Listener | None] = ContextVar("progress_listener", default=None)


def advance(step: str, text: str, done: int, total: int | None = None) -> None:
    """Tell that `step` has `done` of `total` behind it (None: unknown); `text` says what it is at."""
    if (tell := listener.get()) is not None:
        tell(step, text, done, total)
