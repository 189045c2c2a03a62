"""Each logged row is read exactly once and unaltered, whatever was appended, completed, compacted, merged or forgotten
before, and wherever any of that was cut off.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tasks.core.predictions import layout, media, reading
from tasks.core.predictions.compaction import Compacted, compact, lock_of
from tasks.core.predictions.layout import locked
from tasks.core.predictions.retention import expire
from tasks.core.predictions.segment import Header, Segment, arrow_frame, rows_frame
from tasks.core.records import Column

MakeHeader = Callable[..., Header]
NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def microseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000


def append(segment: Segment, first: int, moment: datetime, n_rows: int = 1) -> None:
    row = (float(first), 2.0, True, f"row {first}", None, None)
    segment.append(
        rows_frame(first, microseconds(moment), 0, [row] * n_rows, [[0.5, 0.5]] * n_rows, ["no"] * n_rows, None)
    )


def read_ids(home: Path) -> list[str]:
    return [name for batch in reading.read(home, "shop", columns=["__id__"]) for name in batch[0].to_pylist()]


class Cut(BaseException):
    """Where the process would have died."""


class _Cutter:
    """Ends what is done at a chosen change of the disk, as a kill would: the interpreter tells of each beforehand."""

    CHANGES = ("os.rename", "os.remove", "open", "fcntl.flock")

    def __init__(self) -> None:
        self.left = -1
        sys.addaudithook(self._on)

    def _on(self, event: str, _: Any) -> None:
        if self.left >= 0 and event in self.CHANGES:
            self.left -= 1
            if self.left < 0:
                raise Cut

    @contextmanager
    def after(self, n_changes: int) -> Iterator[None]:
        self.left = n_changes
        try:
            yield
        except Cut:
            pass
        finally:
            self.left = -1


CUTTER = _Cutter()


class Log(RuleBasedStateMachine):
    """Two models' segments, time that goes on, and everything that may happen to their files."""

    @initialize()
    def begin(self) -> None:
        self.home = Path(tempfile.mkdtemp())
        self.folder = layout.folder_of(self.home, "shop")
        self.now = NOON
        self.first = 1
        self.n_segments = 0
        self.expected: dict[str, tuple[datetime, str]] = {}
        self.segments = [self.segment("number"), self.segment("text")]

    def segment(self, kind: Any) -> Segment:
        self.n_segments += 1
        columns = (Column(name="a", type=kind, n_missing=0), Column(name="b", type="text", n_missing=0))
        facts: dict[str, Any] = {"project": "shop", "version": f"{self.n_segments}", "digest": "5f", "columns": columns}
        header = Header(role="champion", problem="regression", prefix=f"p{self.n_segments}", **facts)
        return Segment.create(self.folder, header, roll_bytes=2_000)

    @rule(model=st.integers(0, 1), n_rows=st.integers(1, 20), bulk=st.booleans())
    def append(self, model: int, n_rows: int, bulk: bool) -> None:
        segment = self.segments[model]
        values: list[Any] = [1.5 if model == 0 else "x"] * n_rows
        notes = [f"note {self.first + i}" for i in range(n_rows)]
        time_us = microseconds(self.now)
        if bulk:
            answers = {"__prediction__": [2.5] * n_rows, "__outputs__": [[2.5]] * n_rows}
            segment.append(arrow_frame(self.first, time_us, 0, pa.record_batch({"b": notes, "a": values} | answers)))
        else:
            rows = list(zip(values, notes, strict=True))
            segment.append(rows_frame(self.first, time_us, 0, rows, [[2.5]] * n_rows, [2.5] * n_rows, None))
        for i, note in enumerate(notes):
            self.expected[f"{segment.header.prefix}-{self.first + i:x}"] = self.now, note
        self.first += n_rows

    @rule(model=st.integers(0, 1))
    def complete(self, model: int) -> None:
        self.segments[model].close()

    @rule(model=st.integers(0, 1))
    def die(self, model: int) -> None:
        descriptor = self.segments[model]._descriptor
        if descriptor >= 0:
            os.write(descriptor, b"\x40\x00\x00\x00torn")
            os.close(descriptor)
        self.segments[model] = self.segment("number" if model == 0 else "text")

    @rule(hours=st.sampled_from([1, 12, 30]))
    def wait(self, hours: int) -> None:
        self.now += hours * HOUR

    @rule()
    def compact(self) -> None:
        compact(self.folder, now=self.now)

    @rule(n_changes=st.integers(0, 60))
    def compact_in_part(self, n_changes: int) -> None:
        with CUTTER.after(n_changes):
            compact(self.folder, now=self.now)

    @rule(hours=st.sampled_from([0, 1, 12, 13, 30, 72]), n_changes=st.integers(0, 200))
    def expire(self, hours: int, n_changes: int) -> None:
        before = self.now - hours * HOUR
        with CUTTER.after(n_changes):
            expire(self.folder, hours * HOUR, now=self.now)
        left = set(read_ids(self.home))
        young = {name for name, (moment, _) in self.expected.items() if moment >= before}
        assert young <= left <= set(self.expected)
        self.expected = {name: row for name, row in self.expected.items() if name in left}

    @rule(since=st.integers(0, 90), hours=st.integers(0, 40))
    def read_a_window(self, since: int, hours: int) -> None:
        window = NOON + since * HOUR, NOON + (since + hours) * HOUR
        found = [row for batch in reading.read(self.home, "shop", *window) for row in batch.to_pylist()]
        inside = {name for name, (moment, _) in self.expected.items() if window[0] <= moment < window[1]}
        assert sorted(row["__id__"] for row in found) == sorted(inside)

    @invariant()
    def each_row_is_read_once_and_unaltered(self) -> None:
        if hasattr(self, "home"):
            found = [row for batch in reading.read(self.home, "shop") for row in batch.to_pylist()]
            rows = {row["__id__"]: (row["__time__"], row["b"]) for row in found}
            assert len(found) == len(rows)
            assert rows == self.expected

    def teardown(self) -> None:
        if hasattr(self, "home"):
            for segment in self.segments:
                segment.close()
            shutil.rmtree(self.home)


TestLog = Log.TestCase
TestLog.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)


def test_a_past_day_is_one_file_and_a_late_segment_joins_it(tmp_path: Path, folder: Path, header: MakeHeader) -> None:
    segment = Segment.create(folder, header())
    for first in range(6):
        append(segment, first, NOON + first * timedelta(minutes=1))
        segment.close()
    late = Segment.create(folder, header("late"))
    append(late, 9, NOON + HOUR)
    today = compact(folder, now=NOON + HOUR)
    assert today == Compacted(n_segments=6, n_rows=6)
    assert len(list(folder.glob("parquet/*"))) == 6, "the day is not over"
    assert compact(folder, now=NOON + 13 * HOUR - timedelta(seconds=1)) == Compacted()
    assert compact(folder, now=NOON + 13 * HOUR) == Compacted(n_merged=6), "an hour later none of it is on its way"
    late.close()
    assert compact(folder, now=NOON + 37 * HOUR) == Compacted(n_segments=1, n_rows=1, n_merged=2)
    (day,) = folder.glob("parquet/*")
    assert day.name.startswith("day-20260305-")
    assert read_ids(tmp_path) == [*(f"a1b2c3-{i}" for i in range(6)), "late-9"]
    assert compact(folder, now=NOON + 37 * HOUR) == Compacted()


def test_the_segment_of_a_dead_process_is_compacted_and_that_of_a_live_one_is_not(
    tmp_path: Path, folder: Path, header: MakeHeader
) -> None:
    live, dead = Segment.create(folder, header("aaaa")), Segment.create(folder, header("dead"))
    append(live, 1, NOON)
    append(dead, 2, NOON)
    os.close(dead._descriptor)  # as the kernel does when a process dies
    assert compact(folder, now=NOON) == Compacted(n_segments=1, n_rows=1)
    append(live, 3, NOON)
    assert sorted(read_ids(tmp_path)) == ["aaaa-1", "aaaa-3", "dead-2"]
    assert [path.suffix for path in folder.glob("segments/*")] == [".open"]


def test_a_damaged_segment_gives_its_intact_rows_and_its_rest_stays(
    tmp_path: Path, folder: Path, header: MakeHeader
) -> None:
    segment = Segment.create(folder, header())
    for first in range(3):
        append(segment, first, NOON)
    segment.close()
    (path,) = folder.glob("segments/*.seg")
    damaged = bytearray(path.read_bytes())
    damaged[-10] ^= 1
    path.write_bytes(damaged)
    assert compact(folder, now=NOON) == Compacted(n_segments=1, n_rows=2, n_torn=1)
    assert read_ids(tmp_path) == ["a1b2c3-0", "a1b2c3-1"]
    assert [left.suffix for left in folder.glob("segments/*")] == [".torn"]


def test_rows_of_many_small_requests_are_row_groups_of_a_size(tmp_path: Path, folder: Path, header: MakeHeader) -> None:
    segment = Segment.create(folder, header())
    for first in range(300):
        append(segment, first * 1_000, NOON + first * timedelta(seconds=1), 1_000)
    segment.close()
    compact(folder, now=NOON)
    (path,) = folder.glob("parquet/*.parquet")
    with pq.ParquetFile(path) as file:
        groups = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    assert len(groups) == 5 and min(groups[:-1]) >= 65_536
    assert path.stat().st_mode & 0o777 == 0o600
    until = NOON + timedelta(seconds=7)
    assert reading.count(tmp_path, "shop", NOON + timedelta(seconds=5), until) == 2_000


def test_a_file_that_is_merged_while_it_is_read_is_read_once(tmp_path: Path, folder: Path, header: MakeHeader) -> None:
    segment = Segment.create(folder, header())
    for first in range(4):
        append(segment, first, NOON + first * HOUR)
        segment.close()
    rows = reading.read(tmp_path, "shop", columns=["__id__"])
    found = next(rows)[0].to_pylist()
    compact(folder, now=NOON)
    found += next(rows)[0].to_pylist()
    append(segment, 9, NOON)
    segment.close()
    compact(folder, now=NOON + 48 * HOUR)
    assert len(list(folder.glob("parquet/*"))) == 1
    found += [name for batch in rows for name in batch[0].to_pylist()]
    assert found == ["a1b2c3-0", "a1b2c3-1", "a1b2c3-2", "a1b2c3-3"], "what came after it began is of the next read"


def test_only_one_process_compacts(folder: Path, header: MakeHeader) -> None:
    segment = Segment.create(folder, header())
    append(segment, 1, NOON)
    segment.close()
    with locked(lock_of(folder)):
        assert compact(folder, wait=False) is None
    assert compact(folder, wait=False) == Compacted(n_segments=1, n_rows=1)


def test_retention_forgets_rows_refusals_and_media_that_no_row_names(
    tmp_path: Path, folder: Path, header: MakeHeader
) -> None:
    digests = [media.keep(folder, f"image {i}".encode()) for i in range(4)]
    for i, days in enumerate((40, 20, 0)):
        segment = Segment.create(folder, header(f"p{i}"))
        row = (1.0, 2.0, True, "a", None, digests[i])
        moment = NOON - timedelta(days=days)
        segment.append(rows_frame(i, microseconds(moment), 0, [row], [[0.5, 0.5]], ["no"], None))
        if days:
            segment.close()
            compact(folder, now=NOON - timedelta(days=days))
    layout.private(folder / "refusals")
    for day in ("20260101", "20260301"):
        (folder / "refusals" / f"{day}-aa.jsonl").write_text("")

    def age(days: float) -> None:
        for digest in digests:
            moment = (NOON - timedelta(days=days)).timestamp()
            if media.path_of(folder, digest).exists():
                os.utime(media.path_of(folder, digest), (moment, moment))

    def left() -> list[int]:
        return [i for i, digest in enumerate(digests) if media.path_of(folder, digest).exists()]

    age(0.9)
    removed = expire(folder, timedelta(days=30), now=NOON)
    assert (removed.n_files, removed.n_refusals, removed.n_media) == (1, 1, 0)
    assert read_ids(tmp_path) == ["p1-1", "p2-2"]
    assert left() == [0, 1, 2, 3], "the rows of young media may be on their way"
    age(31)
    assert media.keep(folder, b"image 3") == digests[3]
    assert expire(folder, timedelta(days=30), now=NOON).n_media == 1
    assert left() == [1, 2, 3], "what was sent again is young"
    age(31)
    assert expire(folder, timedelta(days=10), now=NOON).n_media == 2
    assert left() == [2], "an open segment names it"
    segment.close()
    assert expire(folder, timedelta(days=1), now=NOON + timedelta(days=1)).n_files == 0, "its row is a day old, no more"
    assert expire(folder, timedelta(days=1), now=NOON + timedelta(days=1, seconds=1)).n_files == 1


def test_other_tools_read_what_is_compacted(tmp_path: Path, folder: Path, header: MakeHeader) -> None:
    import duckdb
    import polars as pl

    for first in (1, 2):
        segment = Segment.create(folder, header(version=f"{first}"))
        append(segment, first, NOON)
        segment.close()
    compact(folder, now=NOON + 48 * HOUR)
    files = f"{folder}/parquet/*.parquet"
    query = "SELECT __version__, count(*) FROM read_parquet(?, union_by_name = true) GROUP BY ALL ORDER BY ALL"
    assert duckdb.execute(query, [files]).fetchall() == [("1", 1), ("2", 1)]
    assert pl.read_parquet(files)["__id__"].to_list() == ["a1b2c3-1", "a1b2c3-2"]
    table = reading.table(reading.read(tmp_path, "shop"))
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    assert frame["__version__"].cast(pl.String).to_list() == ["1", "2"] == table.to_pandas()["__version__"].tolist()
