"""A clock that is set for some and not for others, or stands still once it is set."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tasks.core import clock

PAST = datetime(2026, 1, 2, 3, tzinfo=UTC)


def test_it_is_the_real_time_until_somebody_sets_it_and_then_passes_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(clock.FILE, raising=False)
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)
    monkeypatch.setenv(clock.FILE, str(tmp_path / "clock"))
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)
    clock.set_to(PAST)
    first = clock.now_us()
    time.sleep(0.01)
    assert PAST < clock.now() < PAST + timedelta(seconds=5)
    assert 0 < first - PAST.timestamp() * 1e6 < 5e6 and clock.now_us() - first >= 10_000
