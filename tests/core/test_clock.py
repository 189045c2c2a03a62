"""A clock that is set for some and not for others, or stands still once it is set."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tasks.core import clock
from tasks.core.errors import KeepfitError

PAST = datetime(2020, 1, 2, 3, tzinfo=UTC)


def test_it_is_the_real_time_until_somebody_sets_it_and_then_passes_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "_file", None)
    monkeypatch.setenv(clock.FILE, "")  # put back afterwards
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)
    clock.play(tmp_path / "clock")
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)
    clock.set_to(PAST)
    first = clock.now_us()
    time.sleep(0.01)
    assert PAST < clock.now() < PAST + timedelta(seconds=5)
    assert 0 < first - PAST.timestamp() * 1e6 < 5e6 and clock.now_us() - first >= 10_000
    told = [sys.executable, "-c", "from tasks.core import clock; print(clock.now().year)"]
    assert subprocess.check_output(told, text=True).strip() == "2020"
    with pytest.raises(KeepfitError, match="No clock is played"):
        monkeypatch.setattr(clock, "_file", None)
        clock.set_to(PAST)
