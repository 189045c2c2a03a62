"""kill -9 of writers and of compactions, with real processes: every acknowledged row is read once, and unaltered."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.core.predictions import reading
from tasks.core.predictions.compaction import compact
from tasks.core.predictions.segment import Header, Segment, rows_frame

MakeHeader = Callable[..., Header]

WRITE = """
import os, sys, time
from pathlib import Path
from tasks.core.predictions.segment import Header, Segment, rows_frame

header = Header.model_validate_json(sys.argv[2])
segment = Segment.create(Path(sys.argv[1]), header, roll_bytes=20_000)
first = 1
while True:
    frames = [
        rows_frame(first + i, first + i, 7, [(float(first + i), 2.0, True, f"row {first + i}", None, None)],
                   [[0.5, 0.5]], ["no"], None)
        for i in range(first % 3 + 1)
    ]
    segment.append(frames)
    first += len(frames)
    os.write(1, b"%d\\n" % (first - 1))
    time.sleep(0.0005)
"""

COMPACT = """
import sys, time
from pathlib import Path
from tasks.core.predictions.compaction import compact

while True:
    compact(Path(sys.argv[1]))
    time.sleep(0.02)
"""

CUT = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from tasks.core.predictions.compaction import compact

left = int(sys.argv[2])

def end(event, _):
    global left
    if event in ("os.rename", "os.remove"):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), 9)

sys.addaudithook(end)
compact(Path(sys.argv[1]), now=datetime(2026, 3, 5, tzinfo=UTC))
"""


def start(code: str, *arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], **options)


def rows_of(home: Path) -> list[tuple[str, float, str]]:
    columns = ["__id__", "number", "text"]
    return [
        row
        for batch in reading.read(home, "shop", columns=columns)
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True)
    ]


def last_of(path: Path) -> int:
    """The last acknowledged row; a line that the kill tore was not acknowledged."""
    whole = path.read_bytes().rpartition(b"\n")[0]
    return int(whole.rpartition(b"\n")[2] or 0)


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def read_while_it_writes(home: Path, acknowledged: Path, n_rows: int) -> None:
    give_up = time.monotonic() + 30
    while last_of(acknowledged) < n_rows and time.monotonic() < give_up:
        time.sleep(0.005)
    told = last_of(acknowledged)
    names = [name for name, _, _ in rows_of(home)]
    assert len(set(names)) == len(names)
    assert {f"{acknowledged.name}-{i:x}" for i in range(1, told + 1)} <= set(names), "what was told is read at once"


@pytest.mark.slow
def test_acknowledged_rows_are_read_once_while_writers_and_compactions_are_killed(
    tmp_path: Path, folder: Path, header: MakeHeader
) -> None:
    acknowledged: dict[str, Path] = {}
    compaction = start(COMPACT, folder)
    try:
        for turn in range(10):
            prefix = f"w{turn}"
            acknowledged[prefix] = tmp_path / prefix
            with acknowledged[prefix].open("wb") as output:
                writer = start(WRITE, folder, header(prefix).model_dump_json(), stdout=output)
            try:
                read_while_it_writes(tmp_path, acknowledged[prefix], 200 + turn * 37)
            finally:
                end(writer)
            if turn % 3 == 0:
                end(compaction)
                compaction = start(COMPACT, folder)
    finally:
        end(compaction)
    for _ in range(2):
        rows = rows_of(tmp_path)
        names = {name for name, _, _ in rows}
        assert len(names) == len(rows)
        for name, value, text in rows:
            assert (value, text) == (int(name.partition("-")[2], 16), f"row {int(value)}")
        for prefix, path in acknowledged.items():
            assert last_of(path) >= 200
            assert {f"{prefix}-{i:x}" for i in range(1, last_of(path) + 1)} <= names
        compact(folder)
    assert not list(folder.glob("segments/*")), "the segments of the dead are compacted too"


@pytest.mark.slow
def test_a_compaction_that_is_killed_at_any_change_loses_and_doubles_nothing(
    tmp_path: Path, folder: Path, header: MakeHeader
) -> None:
    expected = []
    for i in range(3):
        segment = Segment.create(folder, header(f"p{i}"))
        segment.append(rows_frame(i, i, 0, [(float(i), 2.0, True, f"row {i}", None, None)], [[1.0]], ["no"], None))
        segment.close()
        expected.append((f"p{i}-{i}", float(i), f"row {i}"))
    for n_changes in range(30):
        killed = subprocess.run([sys.executable, "-c", CUT, folder, f"{n_changes % 3}"], check=False).returncode == -9
        assert sorted(rows_of(tmp_path)) == expected
        if not killed:
            break
    assert n_changes > 2
    assert [path.name[:4] for path in folder.glob("parquet/*")] == ["day-"]
    assert not list(folder.glob("segments/*"))
