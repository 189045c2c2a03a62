"""The pages of a reading on disk: what a kill leaves behind is whole pages, and the next reading goes on after them.

00000001.rows   one line a record: an object is a row, a list `[number, reason, content]` what can be none
00000001.json   what was asked, what comes next, what the columns hold; written last, so it vouches for the rows
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tasks.core import store
from tasks.core.records import Record
from tasks.sources.bodies import Misfit, Row
from tasks.sources.paging import Ask

HOURS = 24.0
"""After so long what lies here is fetched anew: the source has moved on, and cursors have died."""


class Page(Record):
    """What is known of a page besides its rows. `kinds`: what the values of each column are."""

    ask: Ask
    next: Ask | None = None
    n_records: int
    n_bytes: int
    digest: str
    kinds: Mapping[str, tuple[str, ...]]
    path: str | None = None
    """Where in the body the records were, when that was found out."""


class Spool:
    """The pages so far, in order, and all that has to be known of them together."""

    def __init__(self, folder: Path, first: Ask) -> None:
        """Take up what a reading that began with the same request left in the folder."""
        self.folder = folder
        self.n_pages = 0
        self.n_records = 0
        self.largest = 0
        self.next: Ask | None = first
        self.path: str | None = None
        self.kinds: dict[str, set[str]] = {}
        self.asked: set[str] = set()
        self.digests: set[str] = set()
        while (page := self._left()) is not None and page.ask == self.next:
            self._add(page)
        self._remove_after(self.n_pages)

    @property
    def incoming(self) -> Path:
        """A file for the body of the page that is on its way; errors call it by its name."""
        return self.folder / f"page {self.n_pages + 1}"

    def put(self, rows: Iterator[Row | Misfit], kind_of: Callable[[Any], str]) -> Page:
        """Write the page's rows; they count once `commit` was told what comes after them."""
        kinds: dict[str, set[str]] = {}
        digest, n_records, n_bytes = hashlib.sha256(), 0, 0
        writing = self.folder / "writing"
        with writing.open("wb") as file:
            for row in rows:
                if isinstance(row, Misfit):
                    line = json.dumps([row.number, row.reason, row.content]).encode()
                else:
                    for name, value in row.items():
                        known = kinds.setdefault(name, set())
                        # All of these make a column of text, and nothing makes it another.
                        if value is not None and "text" not in known:
                            known.add(kind_of(value))
                    line = json.dumps(row, ensure_ascii=True).encode()
                n_records += 1
                n_bytes += len(line) + 1
                digest.update(line)
                file.write(line + b"\n")
            file.flush()
            os.fsync(file.fileno())
        writing.replace(self._file(self.n_pages + 1, "rows"))
        columns = {name: tuple(sorted(of)) for name, of in kinds.items()}
        ask = self.next or Ask()
        return Page(ask=ask, n_records=n_records, n_bytes=n_bytes, digest=digest.hexdigest(), kinds=columns)

    def commit(self, page: Page) -> None:
        """The page is whole: from now on it is never asked for again."""
        store.write_file(self._file(self.n_pages + 1, "json"), page.model_dump_json().encode())
        self.incoming.unlink(missing_ok=True)
        self._add(page)

    def rows(self) -> Iterator[tuple[int, Row | Misfit]]:
        """Every record with the number of its page, in order."""
        for number in range(1, self.n_pages + 1):
            with self._file(number, "rows").open("rb") as file:
                for line in file:
                    item = json.loads(line)
                    yield number, Misfit(*item) if isinstance(item, list) else item

    def clear(self) -> None:
        """Leave nothing: the next reading asks for everything."""
        self._remove_after(0)

    def _remove_after(self, n_pages: int) -> None:
        for file in self.folder.iterdir():
            if not (file.stem.isdigit() and int(file.stem) <= n_pages):
                file.unlink()

    def _add(self, page: Page) -> None:
        self.n_pages += 1
        self.n_records += page.n_records
        self.largest = max(self.largest, page.n_records)
        self.next = page.next
        self.path = self.path or page.path
        self.asked.add(page.ask.model_dump_json())
        if page.n_records:
            self.digests.add(page.digest)
        for name, of in page.kinds.items():
            self.kinds.setdefault(name, set()).update(of)

    def _left(self) -> Page | None:
        """The next page that an earlier reading left, when it is whole and not too old."""
        state, rows = (self._file(self.n_pages + 1, suffix) for suffix in ("json", "rows"))
        try:
            page = Page.model_validate_json(state.read_bytes())
            is_fresh = time.time() - state.stat().st_mtime < HOURS * 3600
            return page if is_fresh and rows.stat().st_size == page.n_bytes else None
        except (FileNotFoundError, ValidationError):
            return None

    def _file(self, number: int, suffix: str) -> Path:
        return self.folder / f"{number:08d}.{suffix}"
