"""Logged rows as typed Arrow batches: what each column is, and how the frames of a segment become such batches.

    __id__ string, __time__ timestamp[us, UTC], __version__, __digest__, __role__ (dictionaries of strings),
    __latency_us__ int64, __key__ string, __prediction__ string, or float64 of a regression, __outputs__ list<double>

and the logged columns by their names: numbers and integers as float64, truth values as bool, dates as timestamp[us],
all others as string. A value that does not fit the type of its column is null.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec
from pydantic import ValidationError

from tasks.core.errors import DataError
from tasks.core.predictions.fitting import array, cast, fitted, schema_of
from tasks.core.predictions.frames import BULK, frames
from tasks.core.predictions.segment import Header
from tasks.core.records import ColumnType

if TYPE_CHECKING:
    import pyarrow as pa

GROUP_ROWS = 65_536
GROUP_BYTES = 64 << 20
ROUNDED = timedelta(milliseconds=1)
"""A float of seconds may be off by less."""
_VALUES: dict[ColumnType, Any] = {"number": float, "integer": float, "boolean": bool, "date": Any}


def header_of(payload: bytes, path: Path) -> Header:
    """The header in a segment's first payload; DataError when another version of keepfit wrote it."""
    try:
        return Header.model_validate_json(payload)
    except ValidationError as exc:
        raise DataError(
            f"The prediction log's segment {path} cannot be read",
            expected="format 1",
            found=payload[:80].decode(errors="replace"),
            action="Read it with the version of keepfit that wrote it",
        ) from exc


def batches(path: Path) -> Iterator[pa.RecordBatch]:
    """The intact rows of a segment, in order, in batches of at most about 65,000 rows or 64 MB."""
    with path.open("rb", buffering=1 << 20) as file:
        yield from of_file(file, path)


def of_file(
    file: BinaryIO, path: Path, may_hold: Callable[[datetime, datetime], bool] | None = None
) -> Iterator[pa.RecordBatch]:
    """The same of a file that is open already, so that it may be removed meanwhile.

    Bulk requests of moments that the caller does not want (`may_hold`: of rows from one to another) are left out.
    """
    stream = frames(file)
    first = next(stream, None)
    if first is None:
        return
    gathered = Gathered(header_of(first, path))
    while True:
        with _uncollected():
            bulk = gathered.fill(stream)
            batch = gathered.batch()
        if batch:
            yield batch
        if bulk:
            yield from gathered.bulk(bulk, may_hold)
        if not batch and not bulk:
            return


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the garbage collector, which looks through a million live tuples again and again: 2.7 of 9 µs a row."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class Gathered:
    """Rows of frames, on their way to be one Arrow batch."""

    def __init__(self, header: Header) -> None:
        self._header = header
        self._schema = schema_of(header)
        row = tuple[tuple(_VALUES.get(column.type, str) | None for column in header.columns)]
        answer = float if header.problem == "regression" else str
        several = tuple[row, ...], tuple[tuple[float, ...], ...], tuple[answer, ...], tuple[str | None, ...] | None  # pyright: ignore
        self._decode = msgspec.msgpack.Decoder(tuple[int, int, int, *several]).decode  # pyright: ignore
        self._frames: list[tuple[Any, ...]] = []
        self._n_rows = self._n_bytes = 0

    def fill(self, stream: Iterator[bytes]) -> bytes | None:
        """Take the rows of frames until they make a batch; the payload of a bulk request, where one comes before."""
        for payload in stream:
            if payload[0] == BULK:
                return payload
            try:
                frame = self._decode(payload)
            except msgspec.ValidationError:
                frame = self._coerced(payload)
            self._frames.append(frame)
            self._n_rows += len(frame[3])
            self._n_bytes += len(payload)
            if self._n_rows >= GROUP_ROWS or self._n_bytes >= GROUP_BYTES:
                break
        return None

    def batch(self) -> pa.RecordBatch | None:
        """What was taken since the last batch, if anything."""
        import numpy as np
        import pyarrow as pa

        n_rows, frames = self._n_rows, self._frames
        self._frames, self._n_rows, self._n_bytes = [], 0, 0
        if not n_rows:
            return None
        firsts, times, latencies, rows, outputs, predictions, keys = zip(*frames, strict=True)
        counts = [*map(len, rows)]
        ends = np.cumsum(counts)
        numbers = np.repeat(firsts, counts) + np.arange(n_rows) - np.repeat(ends - counts, counts)
        flat = [*chain.from_iterable(outputs)]
        offsets = np.concatenate([[0], np.cumsum([*map(len, flat)])]).astype(np.int32)
        figures = pa.array([*chain.from_iterable(flat)], pa.float64())
        named = (many or repeat(None, n) for many, n in zip(keys, counts, strict=True))
        system = self._columns(
            numbers.tolist(),
            np.repeat(times, counts),
            np.repeat(latencies, counts),
            pa.array([*chain.from_iterable(named)], pa.string()),
            pa.array([*chain.from_iterable(predictions)], self._schema.field("__prediction__").type),
            pa.ListArray.from_arrays(pa.array(offsets), figures),
        )
        values = zip(*chain.from_iterable(rows), strict=True)
        kinds = self._schema.types[len(system) :]
        arrays = [array(column, kind) for column, kind in zip(values, kinds, strict=True)]
        return pa.RecordBatch.from_arrays([*system, *arrays], schema=self._schema)

    def bulk(self, payload: bytes, may_hold: Callable[[datetime, datetime], bool] | None) -> Iterator[pa.RecordBatch]:
        """The rows of a bulk request's frame."""
        import pyarrow as pa

        first, time, latency, data = msgspec.msgpack.decode(payload)
        moment = datetime.fromtimestamp(time / 1e6, UTC)
        if may_hold is not None and not may_hold(moment - ROUNDED, moment + ROUNDED):
            return
        for batch in pa.ipc.open_stream(data):
            for at in range(0, batch.num_rows, GROUP_ROWS):
                part = batch.slice(at, GROUP_ROWS)
                n_rows = part.num_rows
                numbers = range(first, first + n_rows)
                first += n_rows
                given = dict(zip(part.schema.names, part.columns, strict=True))
                names = self._schema.names[6:]
                fields = [cast(given.get(name), self._schema.field(name).type, n_rows) for name in names]
                system = self._columns(numbers, [time] * n_rows, [latency] * n_rows, *fields[:3])
                yield pa.RecordBatch.from_arrays([*system, *fields[3:]], schema=self._schema)

    def _columns(self, numbers: Sequence[int], times: Any, latencies: Any, *last: Any) -> list[Any]:
        import pyarrow as pa

        header = self._header
        ids = pa.array([f"{header.prefix}-{number:x}" for number in numbers], pa.string())
        zeros = pa.repeat(pa.scalar(0, pa.int32()), len(numbers))
        words = (header.version, header.digest, header.role)
        same = [pa.DictionaryArray.from_arrays(zeros, pa.array([word])) for word in words]
        moments = pa.array(times, pa.int64()).cast(pa.timestamp("us", "UTC"))
        return [ids, moments, *same, pa.array(latencies, pa.int64()), *last]

    def _coerced(self, payload: bytes) -> tuple[Any, ...]:
        first, time, latency, rows, outputs, predictions, keys = msgspec.msgpack.decode(payload)
        types: list[ColumnType] = [column.type for column in self._header.columns]
        empty = [None] * len(types)
        whole = [tuple(fitted(value, kind) for value, kind in zip([*row, *empty], types, strict=False)) for row in rows]
        kind: ColumnType = "number" if self._header.problem == "regression" else "text"
        return first, time, latency, whole, outputs, [fitted(value, kind) for value in predictions], keys
