"""Arrow and Parquet bodies that nobody's library wrote: refused in words, in little memory, and never with a crash."""

from __future__ import annotations

import io
import struct
import sys
from collections.abc import Callable, Iterator
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.serving import frames
from tasks.serving.readers import arrow, parquet
from tasks.serving.readers.apart import Apart
from tasks.serving.readers.columns import MOST_DECODED, frame_of
from tasks.serving.refusal import Refusal

FRAME = pl.DataFrame(
    {
        "number": [1.5, None, -2.0] * 30,
        "text": ["a", None, "Ø" * 20] * 30,
        "truth": [True, False, None] * 30,
        "bytes": [b"\x00\x01", None, b""] * 30,
        "category": pl.Series(["x", "y", None] * 30, dtype=pl.Categorical),
    }
).with_columns(pl.lit("2024-05-31").str.to_date().alias("date"))


def stream(table: pa.Table, compression: str | None = None) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table)
    return sink.getvalue()


def file(table: pa.Table, compression: str | None = None) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table)
    return sink.getvalue()


def written(write: Callable[[pl.DataFrame, io.BytesIO], object]) -> bytes:
    sink = io.BytesIO()
    write(FRAME, sink)
    return sink.getvalue()


def parquet_of(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


PARQUET = parquet.APART
TABLE = FRAME.to_arrow()
BODIES = {
    "stream": (arrow._stream, stream(TABLE)),
    "zstd": (arrow._stream, stream(TABLE, "zstd")),
    "polars": (arrow._stream, written(pl.DataFrame.write_ipc_stream)),
    "file": (arrow._file, file(TABLE, "lz4")),
    "polars file": (arrow._file, written(pl.DataFrame.write_ipc)),
    "parquet": (PARQUET.read, parquet_of(TABLE)),
    "parquet v2": (PARQUET.read, parquet_of(TABLE, data_page_version="2.0", compression="zstd")),
    "polars parquet": (PARQUET.read, written(pl.DataFrame.write_parquet)),
}


@pytest.fixture(autouse=True, scope="module")
def _end() -> Iterator[None]:
    yield
    PARQUET.close()


@pytest.mark.parametrize("name", BODIES)
def test_what_was_written_is_read(name: str) -> None:
    read, body = BODIES[name]
    found = frame_of(read(body))
    assert found.with_columns(pl.col("category").cast(pl.String)).equals(
        FRAME.with_columns(pl.col("category").cast(pl.String))
    )


@pytest.mark.parametrize("name", BODIES)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_changed_bytes_are_read_or_refused(name: str, data: st.DataObject) -> None:
    """Whatever else were raised would be a 500; a wrong offset that is believed would end the process."""
    read, body = BODIES[name]
    changed = bytearray(body)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(changed) - 1))
        new = data.draw(st.binary(min_size=1, max_size=8) | st.sampled_from([b"\xff" * 4, b"\0" * 8, b"\x7f\xff"]))
        changed[at : at + len(new)] = new
    cut = data.draw(st.none() | st.integers(0, len(changed)))
    try:
        frame = frame_of(read(bytes(changed[:cut])))
        frames.check_moments(frame)
    except Refusal as refusal:
        assert refusal.status in (400, 413, 422) and refusal.error["what"]
    else:
        frame.with_columns(pl.exclude(pl.Binary).cast(pl.String, strict=False)).rows()


def test_a_file_that_ends_its_reader_is_refused_and_the_next_is_read() -> None:
    """One in ten thousand changed files does: a signal in the decoder, which no `except` sees."""
    crashing = Apart([sys.executable, "-c", "import os, sys; sys.stdin.buffer.read(100); os.abort()"], "Parquet file")
    for _ in range(2):
        with pytest.raises(Refusal) as caught:
            crashing.read(b"\0" * 200_000)
        assert caught.value.status == 400 and "fails on" in str(caught.value.error["found"])
    for _ in range(2):
        assert PARQUET.read(BODIES["parquet"][1]).num_rows == len(FRAME)
        assert PARQUET._process is not None
        PARQUET._process.kill()
        PARQUET._process.wait()
    PARQUET.close()


@pytest.mark.parametrize("read", [arrow._stream, arrow._file, PARQUET.read])
@pytest.mark.parametrize("body", [b"", b"\0" * 64, b"ARROW1\0\0ARROW1", b"PAR1PAR1", b"PAR1" + b"\xff" * 20 + b"PAR1"])
def test_other_bytes_are_told_apart(read: Callable[[bytes], pa.Table], body: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        read(body)
    assert caught.value.status == 400


ZEROS = pa.table({"x": pa.array([b"\0" * (MOST_DECODED // 100)] * 101)})


@pytest.mark.parametrize(
    ("read", "body"),
    [
        (arrow._stream, stream(ZEROS, "zstd")),
        (arrow._file, file(ZEROS, "lz4")),
        (PARQUET.read, parquet_of(ZEROS, use_dictionary=False, compression="zstd")),
    ],
    ids=["stream", "file", "parquet"],
)
def test_what_would_fill_memory_is_refused_before_it_does(read: Callable[[bytes], pa.Table], body: bytes) -> None:
    assert len(body) < 8 * 2**20
    before = pa.total_allocated_bytes()
    with pytest.raises(Refusal) as caught:
        read(body)
    assert caught.value.status == 413
    assert pa.total_allocated_bytes() - before < 2**20


def test_a_size_that_lies_is_not_believed() -> None:
    """The decoded size before a compressed buffer says how much Arrow allocates."""
    table = pa.table({"x": pa.array([0] * 1000, pa.int64())})
    body = bytearray(stream(table, "zstd"))
    at = bytes(body).index(struct.pack("<q", 8000))
    body[at : at + 8] = struct.pack("<q", 2**40)
    with pytest.raises(Refusal) as caught:
        arrow._stream(bytes(body))
    assert caught.value.status == 413


@pytest.mark.parametrize("read", [arrow._stream, arrow._file, PARQUET.read])
@pytest.mark.parametrize("kind", ["dictionary", "view"])
def test_a_long_text_named_again_and_again_is_counted_each_time(read: Callable[[bytes], pa.Table], kind: str) -> None:
    n = 20_000
    if kind == "view":
        values: Any = pl.Series(["a" * 100_000]).new_from_index(0, n).to_arrow(compat_level=pl.CompatLevel.newest())
    else:
        values = pa.DictionaryArray.from_arrays(pa.array([0] * n, pa.int32()), pa.array(["a" * 100_000]))
    table = pa.table({"x": values})
    if read == PARQUET.read:
        body = parquet_of(pa.table({"x": pa.DictionaryArray.from_arrays([0] * n, ["a" * 100_000])}))
    else:
        body = (stream if read is arrow._stream else file)(table)
    assert len(body) < 4 * 2**20
    with pytest.raises(Refusal) as caught:
        frame_of(read(body))
    assert caught.value.status == 413


def test_texts_that_grow_from_each_other_are_refused() -> None:
    body = parquet_of(pa.table({"x": ["a"] * 10}), use_dictionary=False, column_encoding={"x": "DELTA_BYTE_ARRAY"})
    with pytest.raises(Refusal) as caught:
        PARQUET.read(body)
    assert (caught.value.status, caught.value.error["field"]) == (422, "x")


@pytest.mark.parametrize(
    "values",
    [
        pa.array([[1]]),
        pa.array([{"a": 1}]),
        pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())),
        pa.array([1], pa.duration("s")),
        pa.array([1], pa.time32("s")),
        pa.RunEndEncodedArray.from_arrays(pa.array([10**9], pa.int32()), pa.array([1]))[:1],
        pa.DictionaryArray.from_arrays(pa.array([0]), pa.array([[1]])),
    ],
    ids=lambda values: str(values.type),
)
def test_types_without_a_single_value_are_refused(values: Any) -> None:
    with pytest.raises(Refusal) as caught:
        frame_of(pa.table({"x": values}))
    assert (caught.value.status, caught.value.error["field"]) == (422, "x")


def test_a_column_that_is_there_twice_is_named() -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["x", "x"])
    with pytest.raises(Refusal) as caught:
        frame_of(arrow._stream(stream(table)))
    assert caught.value.error["field"] == "x"
