"""What benchmarks/drift.py counts without making rows is what keepfit measures in the rows, to the bit."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.monitoring.daily import daily
from tasks.monitoring.judging import judge
from tasks.monitoring.least import least_detectable
from tasks.monitoring.reference import Reference
from tasks.monitoring.sketch import sketched

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("streams")


@pytest.mark.parametrize("stream", ["S0", "S3", "S1 with holidays"])
def test_a_counted_day_is_the_measured_day(streams: Any, stream: str) -> None:
    counts = importlib.import_module("stream_counts")
    source = streams.Source(streams.STREAMS[stream], np.random.default_rng(7))
    first = list(source.days(4, 2_000))
    counter = counts.Counter(sketched([day.rows(plain=True) for day in first], streams.KINDS))
    cells = sketched([day.rows() for day in first], streams.KINDS)
    changes = [None, streams.Change("slow", 6, 3.0), streams.Change("share", 19, 0.05, 49)]
    for change in [*changes, streams.Change("missing", 3, 0.06), streams.Change("even", 3, 1.0)]:
        day = source.day(3_000, change)
        assert counter.daily(day) == daily(cells, [day.rows()], day.date)


def test_rows_echo_the_row_before_across_days_and_blocks(streams: Any) -> None:
    source = streams.Source(streams.Stream(row=0.5), np.random.default_rng(7))
    rows = np.concatenate([day.latent for day in source.days(3, 5_000)], axis=1)[4].astype(float)
    rows = rows[np.isfinite(rows)]
    assert rows.std() == pytest.approx(1, abs=0.03)
    for lag, wanted in ((1, 0.5), (2, 0.25), (5, 0.03)):
        assert np.corrcoef(rows[lag:], rows[:-lag])[0, 1] == pytest.approx(wanted, abs=0.03)
    ends = np.cumsum([4_096, 904, 4_096, 904])  # where blocks and days meet, no pair of rows is broken
    noise = rows[1:] - 0.5 * rows[:-1]
    assert np.abs(noise[ends - 1]).max() < 4 and noise.std() == pytest.approx(np.sqrt(0.75), abs=0.03)


def test_the_printed_least_shift_holds_for_a_level_among_many_rare_ones_too(streams: Any) -> None:
    """A rare level is watched in a pool, half of which it takes from when it grows."""
    source = streams.Source(streams.STREAMS["S3"], np.random.default_rng(7))
    days = list(source.days(90, 1_000))
    kinds = {"category_7": "category", "category_0": "category", "number_0": "number"}
    reference = Reference.build(lambda: (day.dated() for day in days), kinds)
    least = {each.column: each.shift for each in least_detectable(reference, 1_000)}
    for column, level in ((19, 45), (12, 1), (12, 0)):
        change = streams.Change("share", column, least[streams.COLUMNS[column]], level)
        seen = [
            judge(reference, [daily(reference.cells, [day.rows()], day.date)], words="").drift
            for day in source.days(14, 1_000, 0, change)
        ]
        assert sum(seen) >= 13
