"""A window of logged rows is each row in it once, of the models asked for, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from tasks.core.predictions import layout, reading
from tasks.core.predictions.segment import Header, Segment, rows_frame
from tasks.core.records import Column

MakeHeader = Callable[..., Header]
NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)


def log(segment: Segment, *moments: datetime, row: tuple[object, ...] = (1.0, 2.0, True, "a", None, None)) -> None:
    for moment in moments:
        time_us = int(moment.timestamp() * 1e6)
        segment.append(rows_frame(time_us, time_us, 0, [row], [[0.5, 0.5]], ["no"], None))


def test_a_window_begins_with_its_first_moment_and_ends_before_its_last(
    tmp_path: Path, folder: Path, header: MakeHeader
) -> None:
    moments = [NOON + timedelta(hours=i) for i in range(48)]
    segment = Segment.create(folder, header(), roll_bytes=2_000)
    log(segment, *moments)
    since, until = moments[3], moments[30]
    found = reading.table(reading.read(tmp_path, "shop", since, until, ["__time__"]))
    assert found.column_names == ["__time__"]
    assert found.column("__time__").to_pylist() == moments[3:30]
    assert reading.count(tmp_path, "shop", since.replace(tzinfo=None), until) == 27, "a naive moment is UTC"
    assert reading.days(tmp_path, "shop") == {date(2026, 3, 5): 12, date(2026, 3, 6): 24, date(2026, 3, 7): 12}


def test_a_project_without_a_log_has_no_rows(tmp_path: Path) -> None:
    assert list(reading.read(tmp_path, "shop")) == []
    assert reading.count(tmp_path, "shop") == 0
    assert reading.table(reading.read(tmp_path, "shop")).num_rows == 0


def test_answers_that_nobody_got_are_read_only_when_asked_for(tmp_path: Path, folder: Path, header: MakeHeader) -> None:
    for role in ("champion", "shadow", "canary"):
        log(Segment.create(folder, header(role[:2], role=role)), NOON)
    assert reading.count(tmp_path, "shop") == 1
    found = reading.table(reading.read(tmp_path, "shop", roles=("shadow", "canary")))
    assert sorted(found.column("__role__").to_pylist()) == ["canary", "shadow"]


def test_models_of_different_columns_are_one_table(tmp_path: Path, folder: Path, header: MakeHeader) -> None:
    old = (Column(name="age", type="number", n_missing=0), Column(name="size", type="number", n_missing=0))
    new = (Column(name="size", type="text", n_missing=0), Column(name="sex", type="text", n_missing=0))
    log(Segment.create(folder, header("aa", columns=old)), NOON, row=(30.0, 2.5))
    log(Segment.create(folder, header("bb", columns=new, version="4")), NOON, row=("large", "f"))
    found = reading.table(reading.read(tmp_path, "shop", columns=["age", "size", "sex", "__version__"]))
    assert found.schema.field("size").type == pa.string()
    assert sorted(found.to_pylist(), key=lambda row: row["__version__"]) == [
        {"age": 30.0, "size": "2.5", "sex": None, "__version__": "3"},
        {"age": None, "size": "large", "sex": "f", "__version__": "4"},
    ]


def test_a_log_that_another_version_wrote_is_refused_in_words(tmp_path: Path, folder: Path, header: MakeHeader) -> None:
    from tasks.core.errors import DataError
    from tasks.core.predictions.frames import framed

    layout.private(folder / "segments")
    written = header().model_dump_json().replace('"format":1', '"format":2')
    (folder / "segments" / "x.seg").write_bytes(framed(written.encode()))
    with pytest.raises(DataError, match=r"expected format 1, found .*Read it with the version"):
        reading.count(tmp_path, "shop")


def test_a_writer_needs_no_heavy_library() -> None:
    import subprocess
    import sys

    code = (
        "import sys, tasks.core.predictions.segment\n"
        "heavy = {'pyarrow', 'polars', 'pandas', 'numpy', 'onnxruntime'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
