"""Judged windows on every kind of database: written over, kept apart by model and project, in order of their days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from tasks.core.records import Blob
from tasks.monitoring import windows
from tasks.monitoring.windows import Judged

START = datetime(2026, 3, 29, tzinfo=UTC)  # clocks go forward in Europe


def judged(day: int, **changed: object) -> Judged:
    start = START + timedelta(days=day)
    blob = Blob(digest="ab" * 32, suffix=".npz", size=9)
    whole = Judged(start=start, end=start + timedelta(days=1), n_rows=7, outcomes="", daily=blob, report="{}")
    return whole.model_copy(update=changed)


def test_a_window_takes_the_place_of_what_was_judged_of_its_day(database_url: str) -> None:
    long = judged(0, n_rows=10**10, outcomes="c" * 64, report='{"words": "' + "ü" * 100_000 + '"}')
    for window in (judged(1, daily=None), judged(0), long):
        windows.write("ship", "d1", window)
    windows.write("ship", "d2", judged(5))
    windows.write("boat", "d1", judged(6))
    found = windows.read("ship", "d1")
    assert list(found) == [date(2026, 3, 29), date(2026, 3, 30)]
    assert found[date(2026, 3, 29)] == long and found[date(2026, 3, 30)] == judged(1, daily=None)
    assert list(windows.read("boat", "d1")) == [date(2026, 4, 4)] and windows.read("boat", "d2") == {}
