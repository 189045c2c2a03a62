"""The newest judged window of each project, as a small file: `windows/<project>.json` in the home.

Servers show it, and read neither the database nor MLflow for it; the monitor replaces it.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from pydantic import ValidationError

from tasks.core import store
from tasks.core.records import Record


class WatchedColumn(Record):
    """A column: it drifted where `drift` says so; `score` is 1 at the limit, and `words` tell the shift."""

    column: str
    score: float
    drift: bool
    words: str


class Figure(Record):
    """A metric with its 95 % interval."""

    metric: str
    value: float
    low: float
    high: float


class NewestWindow(Record):
    """What the newest window says in short; `columns` are the worst ones, the worst first.

    `summary` is a few words; `incident` the suspected cause. `performance` is by `n_labelled` outcomes of
    the last window that has enough of them, `performance_window`; `estimated` is without any, None where it cannot be
    known. `data_age` is that of the training rows, in days at `until`.
    """

    window: str
    until: datetime
    judged: datetime
    version: str
    digest: str
    n_rows: int
    state: str
    summary: str
    incident: str | None
    n_drifted: int
    n_columns: int
    columns: tuple[WatchedColumn, ...]
    performance: tuple[Figure, ...]
    performance_window: str | None
    n_labelled: int
    estimated: Figure | None
    alarms_promised: float | None
    alarms_spent: int
    promise: str
    data_age: float | None
    verdict: str | None = None
    """What is to be done now, in a sentence; None before it was weighed."""

    def is_of(self, digest: str) -> bool:
        """Whether the model whose digest begins so answered its rows."""
        return self.digest.startswith(digest)


def file(home: Path, project: str) -> Path:
    """Where it lies in this home."""
    return home / "windows" / f"{project}.json"


def pages(home: Path, project: str) -> Path:
    """Where the pages on its windows lie."""
    return home / "reports" / "monitoring" / project


def due(window: NewestWindow | None, now: datetime) -> datetime:
    """When the next window can be judged: at once, where the day before is not judged or was judged too early."""
    today = datetime.combine(now.date(), time(), UTC)
    yesterday = (today - timedelta(days=1)).date().isoformat()
    if window is None or window.window < yesterday or (window.window == yesterday and window.until < today):
        return today
    return today + timedelta(days=1)


def known(home: Path, project: str) -> NewestWindow | None:
    """The newest window of the project, whichever model it was; None when none was judged."""
    with suppress(FileNotFoundError, ValidationError):
        return NewestWindow.model_validate_json(file(home, project).read_bytes())
    return None


def keep(project: str, window: NewestWindow) -> None:
    """Let it be found, unless a later window of the same model is known already."""
    before = known(store.home(), project)
    if before is not None and before.digest == window.digest:
        same = before.model_copy(update={"judged": window.judged}) == window
        if same or before.window > window.window:
            return
    file(store.home(), project).parent.mkdir(exist_ok=True)
    store.write_file(file(store.home(), project), window.model_dump_json().encode())


def tell(project: str, verdict: str) -> None:
    """Add to the newest window what is to be done now."""
    if (window := known(store.home(), project)) is not None and window.verdict != verdict:
        told = window.model_copy(update={"verdict": verdict})
        store.write_file(file(store.home(), project), told.model_dump_json().encode())
