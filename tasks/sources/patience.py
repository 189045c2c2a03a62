"""How long SQLite may look for a row: it computes in this process, where nothing would stop it, not even Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any

from tasks.core.errors import DataError

if TYPE_CHECKING:
    from sqlalchemy import Connection

LONGEST = 3600.0
"""Seconds without a row. A join that lacks its condition takes days, and nobody knows of what."""
STEPS = 100_000
"""SQLite's instructions between two looks at the clock: some milliseconds."""


@contextmanager
def patience(connection: Connection, title: str) -> Iterator[Callable[[], None]]:
    """Stop SQLite at Ctrl-C, and with a DataError when it needs too long; what is given says that rows have come.

    Databases on servers have limits of their own, and their drivers wait where Python can be interrupted.
    """
    from sqlalchemy import exc

    if connection.dialect.name != "sqlite":
        yield lambda: None
        return
    clock = _Clock()
    database: Any = connection.connection.driver_connection
    database.set_progress_handler(clock.look, STEPS)
    try:
        yield clock.renew
    except exc.OperationalError as error:
        if str(error.orig) != "interrupted":
            raise
        if not clock.over:
            # It stops when `look` raises something, and forgets what: a signal is all that can come there.
            raise KeyboardInterrupt from None
        raise DataError(
            f"{title} gives no row",
            expected=f"one within {LONGEST:g} s",
            found="none",
            action="Check that each join of the query has its condition, and an index for it",
        ) from None
    finally:
        database.set_progress_handler(None, 0)


class _Clock:
    over = False

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        self._until = monotonic() + LONGEST

    def look(self) -> bool:
        """Whether SQLite is to stop."""
        self.over = monotonic() > self._until
        return self.over
