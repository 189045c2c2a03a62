"""What was appended is read again, unaltered; what could not be appended is not, and the next append works."""

from __future__ import annotations

import errno
import os
import resource
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.core.errors import NotLogged
from tasks.core.predictions import reading
from tasks.core.predictions.frames import intact_size
from tasks.core.predictions.rows import batches
from tasks.core.predictions.segment import Header, Segment, arrow_frame, rows_frame

MakeHeader = Callable[..., Header]
ROW = (1.5, 7, True, "red", datetime(2024, 5, 31, 14, 30, tzinfo=UTC), "d" * 64)


class Moment(datetime):
    """A subclass of datetime, as serving parses dates into."""


numbers = st.floats() | st.integers(-(2**70), 2**70) | st.none()
texts = st.text(st.characters(codec=None), max_size=8) | st.none()
naive = st.datetimes()
west = timezone(timedelta(hours=-7))
moments = st.one_of(
    st.none(),
    naive,
    naive.map(lambda moment: Moment.combine(moment.date(), moment.time())),
    st.dates(),
    st.datetimes(timezones=st.just(west)).filter(lambda moment: moment.year < 9999),
)
rows = st.tuples(numbers, numbers, st.booleans() | st.none(), texts, moments, texts)
answers = st.lists(st.tuples(rows, st.floats(0, 1), st.text(max_size=5) | st.none()), max_size=4)


def frame(first: int, time_us: int = 0, row: tuple[Any, ...] = ROW, n_rows: int = 1) -> bytes:
    return rows_frame(first, time_us, 850, [row] * n_rows, [[0.25, 0.75]] * n_rows, ["yes"] * n_rows, None)


def ids(path: Path) -> list[str]:
    return [name for batch in batches(path) for name in batch.column("__id__").to_pylist()]


def number(value: Any) -> float | None:
    return None if value is None else float(value)


def text(value: str | None) -> str | None:
    return None if value is None else value.encode(errors="replace").decode()


def moment(value: Any) -> datetime | None:
    if not isinstance(value, datetime):
        return None if value is None else datetime.combine(value, datetime.min.time())
    utc = value.astimezone(UTC) if value.tzinfo else value
    # Of a subclass only the moment stays, and a time that a clock shows twice is one in UTC.
    return datetime.combine(utc.date(), utc.time().replace(tzinfo=None, fold=0))


@given(requests=st.lists(st.tuples(answers, st.integers(0, 2**52)), max_size=6))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rows_of_any_values_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, header: MakeHeader, requests: list[Any]
) -> None:
    folder = tmp_path_factory.mktemp("log")
    segment = Segment.create(folder, header())
    expected: list[tuple[Any, ...]] = []
    first = 1
    for given_rows, time_us in requests:
        inputs = [row for row, _, _ in given_rows]
        outputs = [[1 - p, p] for _, p, _ in given_rows]
        keys = [key for _, _, key in given_rows]
        segment.append(rows_frame(first, time_us, 9, inputs, outputs, ["yes"] * len(inputs), keys))
        for i, row in enumerate(inputs):
            values = (number(row[0]), number(row[1]), row[2], text(row[3]), moment(row[4]), text(row[5]))
            expected.append((f"a1b2c3-{first + i:x}", time_us, keys[i], outputs[i], *values))
        first += len(inputs)
    segment.close()
    found: list[tuple[Any, ...]] = []
    for path in folder.glob("segments/*.seg"):
        for batch in batches(path):
            times = batch.column("__time__").cast(pa.int64()).to_pylist()
            names = ("__id__", "__key__", "__outputs__", "number", "integer", "boolean", "text", "date", "image")
            columns = [batch.column(name).to_pylist() for name in names]
            found += zip(columns[0], times, *columns[1:], strict=True)
    assert repr(found) == repr(expected)  # by their text, for NaN is not equal to itself


def test_a_segment_says_which_model_answered(folder: Path, header: MakeHeader) -> None:
    segment = Segment.create(folder, header(role="shadow"))
    segment.append(frame(10, 1_700_000_000_000_000))
    (batch,) = batches(next(folder.glob("segments/*.open")))
    (row,) = batch.to_pylist()
    assert row["__version__"] == "3"
    assert row["__digest__"] == "5f" * 32
    assert row["__role__"] == "shadow"
    assert row["__latency_us__"] == 850
    assert row["__time__"] == datetime.fromtimestamp(1_700_000_000, UTC)
    assert row["__prediction__"] == "yes"
    assert row["__key__"] is None


def test_predictions_of_a_regression_are_numbers(folder: Path, header: MakeHeader) -> None:
    segment = Segment.create(folder, header(problem="regression", classes=()))
    segment.append(rows_frame(1, 0, 0, [ROW, ROW], [[2.5], [3.0]], [2.5, 3], None))
    (batch,) = batches(next(folder.glob("segments/*.open")))
    assert batch.column("__prediction__").type == pa.float64()
    assert batch.column("__prediction__").to_pylist() == [2.5, 3.0]


def test_a_value_that_does_not_fit_its_column_hides_no_other(folder: Path, header: MakeHeader) -> None:
    segment = Segment.create(folder, header())
    segment.append([frame(1, row=("?", 2.5, 1, 5, "no date", b"raw")), frame(2)])
    (batch,) = batches(next(folder.glob("segments/*.open")))
    first, second = batch.to_pylist()
    assert (first["number"], first["integer"], first["boolean"], first["text"], first["date"]) == (
        *(None, 2.5, None, "5", None),
    )
    assert len(first["image"]) == 64, "bytes are logged as their digest"
    assert (second["number"], second["integer"]) == (1.5, 7.0)


def test_a_bulk_request_is_rows_like_all_others(folder: Path, header: MakeHeader) -> None:
    n_rows = 70_000
    batch = pa.record_batch(
        {
            "integer": pa.array(range(n_rows), pa.int64()),
            "number": pa.array(["not a number"] * n_rows),
            "text": pa.array(["a", "b"] * (n_rows // 2)).dictionary_encode(),
            "date": pa.array([date(2024, 1, 1)] * n_rows),
            "__prediction__": ["no"] * n_rows,
            "__outputs__": pa.array([[0.75, 0.25]] * n_rows, pa.list_(pa.float64(), 2)),
        }
    )
    segment = Segment.create(folder, header())
    segment.append([frame(1), arrow_frame(2, 5, 9, batch), frame(n_rows + 2)])
    table = pa.Table.from_batches(batches(next(folder.glob("segments/*.open"))))
    assert table.column("__id__").to_pylist() == [f"a1b2c3-{i:x}" for i in range(1, n_rows + 3)]
    assert table.column("integer").to_pylist() == [7.0, *map(float, range(n_rows)), 7.0]
    row = table.slice(n_rows, 1).to_pylist()[0]
    assert (row["number"], row["text"], row["date"]) == (None, "b", datetime.fromisoformat("2024-01-01"))
    assert (row["__prediction__"], row["__outputs__"], row["__key__"]) == ("no", [0.75, 0.25], None)


def test_a_tail_torn_at_any_byte_hides_only_the_last_request(folder: Path, header: MakeHeader) -> None:
    segment = Segment.create(folder, header())
    path = next(folder.glob("segments/*.open"))
    sizes = [path.stat().st_size]
    for first in (1, 2, 3):
        segment.append(frame(first))
        sizes.append(path.stat().st_size)
    whole = path.read_bytes()
    torn = folder / "torn"
    for size in range(len(whole)):
        torn.write_bytes(whole[:size])
        assert intact_size(torn) == max([end for end in sizes if end <= size], default=0)
    assert ids(torn) == ["a1b2c3-1", "a1b2c3-2"]
    torn.write_bytes(whole + bytes(64))
    assert len(ids(torn)) == 3, "zeros, as a power loss leaves them, are no rows"


def test_a_flipped_bit_is_never_read_as_a_row(folder: Path, header: MakeHeader) -> None:
    segment = Segment.create(folder, header())
    path = next(folder.glob("segments/*.open"))
    begin = path.stat().st_size
    segment.append(frame(1))
    middle = path.stat().st_size
    segment.append(frame(2))
    whole = path.read_bytes()
    flipped = folder / "flipped"
    for bit in range(begin * 8, len(whole) * 8):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        flipped.write_bytes(damaged)
        assert intact_size(flipped) == (middle if bit >= middle * 8 else begin)


def test_an_old_or_large_file_is_completed_and_another_begun(folder: Path, header: MakeHeader) -> None:
    segment = Segment.create(folder, header(), roll_bytes=1_500)
    for first in range(40):
        segment.append(frame(first))
    complete = sorted(folder.glob("segments/*.seg"))
    assert len(complete) > 2
    assert len(list(folder.glob("segments/*.open"))) == 1
    assert sum(len(ids(path)) for path in folder.glob("segments/*")) == 40
    segment.close()
    assert not list(folder.glob("segments/*.open"))

    old = Segment.create(folder, header("dddd"), roll_seconds=0)
    old.tick()
    assert len(list(folder.glob("segments/*.open"))) == 1, "without a row there is nothing to complete"
    old.append(frame(1))
    old.tick()
    assert not list(folder.glob("segments/*.open"))
    old.append(frame(2))
    old.close()
    assert sorted(name for path in folder.glob("segments/*dddd*") for name in ids(path)) == ["dddd-1", "dddd-2"]


def test_a_process_that_answered_nothing_leaves_no_file(folder: Path, header: MakeHeader) -> None:
    Segment.create(folder, header()).close()
    assert list((folder / "segments").iterdir()) == []


def test_only_the_owner_can_open_what_is_logged(folder: Path, header: MakeHeader) -> None:
    Segment.create(folder, header()).append(frame(1))
    for path in (folder, folder.parent, folder / "segments"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert stat.S_IMODE(next(folder.glob("segments/*.open")).stat().st_mode) == 0o600


@pytest.fixture
def small_files() -> Iterator[Callable[[int], None]]:
    """Limit how large a file may get: the kernel then writes what fits and refuses the rest, as a full disk does."""
    import signal

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_write_that_ends_short_leaves_nothing_behind(
    folder: Path, header: MakeHeader, small_files: Callable[[int], None]
) -> None:
    segment = Segment.create(folder, header(), sync=True)
    path = next(folder.glob("segments/*.open"))
    segment.append(frame(1))
    size = path.stat().st_size
    for room in (0, 1, 7, 8, 9, len(frame(2)), len(frame(2)) + 20):
        small_files(size + room)
        with pytest.raises(NotLogged, match="largest size") as raised:
            segment.append([frame(2), frame(3)])
        assert raised.value.error.errno == errno.EFBIG
        assert path.stat().st_size == size
    small_files(-1)
    segment.append(frame(4))
    assert ids(path) == ["a1b2c3-1", "a1b2c3-4"]


def test_without_room_for_another_file_the_one_at_hand_goes_on(folder: Path, header: MakeHeader) -> None:
    segment = Segment.create(folder, header(), roll_bytes=100)
    path = next(folder.glob("segments/*.open"))
    segment.append(frame(1))
    (folder / "segments").rename(folder / "away")
    (folder / "segments").write_text("in the way")
    segment.append(frame(2))
    assert ids(folder / "away" / path.name) == ["a1b2c3-1", "a1b2c3-2"]


def test_a_folder_that_cannot_be_written_is_said_at_once(tmp_path: Path, header: MakeHeader) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotLogged, match="answers of shop could not be logged"):
        Segment.create(tmp_path / "file", header())


FILL = """
import sys
from pathlib import Path
from tasks.core.errors import NotLogged
from tasks.core.predictions.segment import Header, Segment, rows_frame

folder = Path(sys.argv[1])
segment = Segment.create(folder, Header.model_validate_json(sys.argv[2]), roll_bytes=50_000)
row = (1.5, 7, True, "red " * 20, None, None)
refused = 0
for first in range(1, 20_000):
    try:
        segment.append(rows_frame(first, first, 0, [row], [[0.5, 0.5]], ["no"], None))
        print(first)
    except NotLogged as exc:
        assert "the disk is full" in str(exc), exc
        refused += 1
        if refused % 5 == 0:
            for path in sorted(folder.glob("ballast*"))[:1]:
                path.unlink()
        if refused == 40:
            break
assert refused == 40
segment.close()
"""


@pytest.mark.slow
def test_a_full_disk_refuses_and_once_there_is_room_goes_on(tmp_path: Path, header: MakeHeader) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=600k", "none", disk], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted: {mounted.stderr}")
    try:
        folder = disk / "predictions" / "shop"
        folder.mkdir(parents=True)
        for i in range(3):
            (folder / f"ballast{i}").write_bytes(bytes(50_000))
        command = [sys.executable, "-c", FILL, str(folder), header().model_dump_json()]
        child = subprocess.run(command, capture_output=True, text=True, check=False)
        assert child.returncode == 0, child.stderr
        acknowledged = [f"a1b2c3-{int(line):x}" for line in child.stdout.split()]
        logged = reading.table(reading.read(disk, "shop")).column("__id__").to_pylist()
        assert sorted(logged) == sorted(acknowledged)
        assert int(child.stdout.split()[-1]) > len(acknowledged), "it went on after a refusal"
    finally:
        subprocess.run(["umount", disk], check=True)
