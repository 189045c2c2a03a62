"""Being the one `keepfit up` of a home: signals, the lock, and that nothing is left behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from flows.services import keeper, locks, marked
from flows.services.up import Up
from tasks.core.errors import Unavailable


@contextmanager
def supervised(up: Up) -> Iterator[None]:
    """Be the only one of this home, end at Ctrl-C and SIGTERM, and leave nothing behind."""
    lock = locks.take(up.home / "up" / "up.lock")
    if lock is None:
        raise Unavailable(f"Another `keepfit up` has just started in {up.home}", action="Give the command again")
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}

    def end(number: int, frame: object) -> None:
        if up.ended.is_set():  # a second time: no patience is left
            marked.end(up.token, 0)
        up.ended.set()

    kept = keeper.start(up.token)
    try:
        for number in before:
            signal.signal(number, end)
        yield
    finally:
        up.end()
        (up.home / "up" / "up.json").unlink(missing_ok=True)
        keeper.dismiss(kept)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(lock)
