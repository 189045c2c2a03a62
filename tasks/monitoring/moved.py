"""Which columns and rows of a window moved, as a classifier tells them from the reference's; within bounded time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.core import store
from tasks.core.records import Record
from tasks.monitoring.explain import LEAST_ROWS, Telling

if TYPE_CHECKING:
    import polars as pl

    from tasks.monitoring.watched_model import WatchedModel

CELLS = 80_000
"""Values of each side that are learnt from: 4,000 rows of 20 columns take two seconds of one processor."""
FEWEST = 500
"""Rows of each side that are learnt from, however many columns there are."""
SHOWN_COLUMNS, SHOWN_ROWS = 8, 6


class Row(Record):
    """A row that is unlike the reference: its id (or its number in the file), and its values of `Moved.columns`."""

    id: str
    values: tuple[str, ...]


class Moved(Record):
    """How well the window's rows are told from the reference's (0.5: not at all), by which columns, and which rows are
    the most unlike."""

    auc: float
    low: float
    high: float
    columns: tuple[Telling, ...]
    rows: tuple[Row, ...]
    n_reference: int
    n_current: int


def moved(watched: WatchedModel, rows: pl.DataFrame) -> Moved | None:
    """What tells the rows, logged or asked, from the reference's; None where either has too few."""
    from tasks.monitoring.explain import explain

    if min(rows.height, watched.views.n_rows) < LEAST_ROWS:
        return None
    cells, views = watched.reference.cells, watched.plan.of(watched.comparable(rows))
    most = max(CELLS // len(cells.names), FEWEST)
    # A batch's codes are made before every second row is left out: few at a time.
    known = store.batches(watched.views, list(cells.names), 16_384)
    found = explain(cells, known, views.to_arrow().to_batches(max_chunksize=16_384), most=most)
    shown = [each for each in found.columns if each.importance > 0][:SHOWN_COLUMNS]
    names = [each.column for each in shown]
    ids = rows["__id__"].to_list() if "__id__" in rows.columns else list(range(1, rows.height + 1))
    places = found.rows[:SHOWN_ROWS]
    told = [Row(id=str(ids[at]), values=tuple(_said(views[name][at]) for name in names)) for at in places]
    return Moved(
        auc=found.auc,
        low=found.low,
        high=found.high,
        columns=tuple(shown),
        rows=tuple(told),
        n_reference=found.n_reference,
        n_current=found.n_current,
    )


def _said(value: Any) -> str:
    from tasks.core.figures import figure

    if value is None or value != value:
        return "missing"
    text = figure(value) if isinstance(value, (int, float)) else str(value)
    return text if len(text) <= 60 else text[:59] + "…"
