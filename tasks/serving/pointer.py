"""Which models a project is to be answered with, as a file of the home says; a server looks at it every few seconds."""

from __future__ import annotations

from pathlib import Path

from tasks.core import roles, store
from tasks.core.roles import Roles


class Pointer:
    """The file of one project: it is replaced when a role moves."""

    def __init__(self, home: Path, project: str) -> None:
        self._home, self._project = home, project
        self._file = home / "champions" / f"{project}.json"
        self._seen: tuple[int, int] | None = None

    def has_moved(self) -> bool:
        """Whether it is another file than at the last look; one that is away for a moment is not."""
        try:
            found = self._file.stat()
        except OSError:
            return False
        seen = (found.st_mtime_ns, found.st_ino)
        moved, self._seen = seen != self._seen, seen
        return moved

    def read(self) -> Roles | None:
        """What it says now; None when there is none, or it is damaged."""
        with store.opened(self._home):
            return roles.known(self._project)
