"""How many requests were refused, for which reason and in which window of time; nothing else of them is kept.

    refusals/<day>-<prefix>.jsonl     one writer each, one line for each reason and flush

Refusals help to tell a broken client from a broken model. They are best effort: a disk that is full costs no request.
"""

from __future__ import annotations

import os
from collections import Counter
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from tasks.core import clock
from tasks.core.predictions.layout import private
from tasks.core.predictions.moments import aware
from tasks.core.records import Record

MAX_KINDS = 100
OTHER = "other"


class RefusedRequests(Record):
    """How many requests were refused from `since` to `until`, with which status, for what, and which field of it."""

    status: int
    what: str
    field: str | None
    n_requests: int
    since: datetime
    until: datetime


class Refusals:
    """The refused requests of one process since the last flush. `n_failed` flushes found no room."""

    def __init__(self, folder: Path, prefix: str) -> None:
        """`folder` is the project's, `prefix` what the process's ids begin with."""
        self._folder = folder / "refusals"
        self._prefix = prefix
        self._since = clock.now()
        self._counts: Counter[tuple[int, str, str | None]] = Counter()
        self.n_failed = 0

    def add(self, status: int, what: str, field: str | None) -> None:
        """Count a refused request. Texts are cut, and after a hundred kinds the others are one."""
        kind = status, what[:200], field and field[:100]
        if kind not in self._counts and len(self._counts) >= MAX_KINDS - 1:
            kind = 0, OTHER, None
        self._counts[kind] += 1

    def flush(self, now: datetime) -> None:
        """Append what was counted; without room it is kept for the next flush."""
        if not self._counts:
            self._since = aware(now)
            return
        now = aware(now)
        since = min(self._since, now)
        lines = [
            RefusedRequests(status=status, what=what, field=field, n_requests=n, since=since, until=now)
            for (status, what, field), n in self._counts.items()
        ]
        data = "".join(f"{line.model_dump_json()}\n" for line in lines).encode(errors="replace")
        try:
            self._append(self._folder / f"{now:%Y%m%d}-{self._prefix}.jsonl", data)
        except OSError:
            self.n_failed += 1
            return
        self._counts.clear()
        self._since = now

    def _append(self, path: Path, data: bytes) -> None:
        private(self._folder)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            try:
                left = memoryview(data)
                while left:
                    left = left[os.write(descriptor, left) :]
            except OSError:
                os.ftruncate(descriptor, size)
                raise
        finally:
            os.close(descriptor)


def read_refusals(folder: Path, since: datetime | None = None, until: datetime | None = None) -> list[RefusedRequests]:
    """What was refused in a project's folder in windows that meet since <= time < until, the earliest first."""
    since, until = since and aware(since), until and aware(until)
    found: list[RefusedRequests] = []
    for path in (folder / "refusals").glob("*.jsonl"):
        for line in path.read_bytes().splitlines():
            try:
                record = RefusedRequests.model_validate_json(line)
            except ValidationError:
                continue  # a line that a kill tore
            if (since is None or record.until >= since) and (until is None or record.since < until):
                found.append(record)
    return sorted(found, key=lambda record: (record.since, record.status, record.what, record.field or ""))
