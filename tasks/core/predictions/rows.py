"""Logged rows as typed Arrow batches: what each column is, and how the frames of a segment become such batches.

    __id__ string, __time__ timestamp[us, UTC], __version__, __digest__, __role__ (dictionaries of strings),
    __latency_us__ int64, __key__ string, __prediction__ string, or float64 of a regression, __outputs__ list<double>

and the logged columns by their names: numbers and integers as float64, truth values as bool, dates as timestamp[us],
all others as string. A value that does not fit the type of its column is null.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec
from pydantic import ValidationError

from tasks.core.errors import DataError
from tasks.core.predictions.fitting import array, cast, fitted
from tasks.core.predictions.frames import BULK, frames
from tasks.core.predictions.segment import Header
from tasks.core.records import ColumnType

if TYPE_CHECKING:
    import pyarrow as pa

GROUP_ROWS = 65_536
GROUP_BYTES = 64 << 20
TYPE = b"keepfit.type"
"""The metadata of a logged column that says which type of column it is; one of images holds digests as text."""

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


def schema_of(header: Header) -> pa.Schema:
    """The Arrow schema of the rows of a segment."""
    import pyarrow as pa

    word = pa.dictionary(pa.int32(), pa.string())
    number = pa.float64()
    types: dict[ColumnType, pa.DataType] = {"number": number, "integer": number, "boolean": pa.bool_()}
    types["date"] = pa.timestamp("us")
    system: list[tuple[str, pa.DataType]] = [
        ("__id__", pa.string()),
        ("__time__", pa.timestamp("us", "UTC")),
        ("__version__", word),
        ("__digest__", word),
        ("__role__", word),
        ("__latency_us__", pa.int64()),
        ("__key__", pa.string()),
        ("__prediction__", number if header.problem == "regression" else pa.string()),
        ("__outputs__", pa.list_(number)),
    ]
    fields = [pa.field(name, kind) for name, kind in system]
    for column in header.columns:
        kind = types.get(column.type, pa.string())
        fields.append(pa.field(column.name, kind, metadata={TYPE: column.type}))
    return pa.schema(fields)


def batches(path: Path) -> Iterator[pa.RecordBatch]:
    """The intact rows of a segment, in order, in batches of at most about 65,000 rows or 64 MB."""
    with path.open("rb", buffering=1 << 20) as file:
        yield from of_file(file, path)


def of_file(file: BinaryIO, path: Path) -> Iterator[pa.RecordBatch]:
    """The same of a file that is open already, so that it may be removed meanwhile."""
    stream = frames(file)
    first = next(stream, None)
    if first is None:
        return
    gathered = Gathered(header_of(first, path))
    for payload in stream:
        if payload[0] == BULK:
            yield from gathered.batch()
            yield from gathered.bulk(payload)
        else:
            gathered.add(payload)
            if gathered.is_full:
                yield from gathered.batch()
    yield from gathered.batch()


class Gathered:
    """Rows of frames, on their way to be one Arrow batch."""

    def __init__(self, header: Header) -> None:
        self._header = header
        self._schema = schema_of(header)
        row = tuple[tuple(_VALUES.get(column.type, str) | None for column in header.columns)]
        prediction = float if header.problem == "regression" else str
        self._decode = msgspec.msgpack.Decoder(
            tuple[int, int, int, list[row], list[list[float]], list[prediction], list[str | None] | None]  # pyright: ignore
        ).decode
        self._bytes = 0
        self._system: tuple[list[Any], ...] = tuple([] for _ in range(6))
        self._rows: list[tuple[Any, ...]] = []

    @property
    def is_full(self) -> bool:
        return len(self._rows) >= GROUP_ROWS or self._bytes >= GROUP_BYTES

    def add(self, payload: bytes) -> None:
        """Take the rows of a frame."""
        ids, times, latencies, all_keys, all_predictions, all_outputs = self._system
        try:
            first, time, latency, rows, outputs, predictions, keys = self._decode(payload)
        except msgspec.ValidationError:
            first, time, latency, rows, outputs, predictions, keys = self._coerced(payload)
        self._bytes += len(payload)
        self._rows += rows
        all_outputs += outputs
        all_predictions += predictions
        prefix, n_rows = self._header.prefix, len(rows)
        ids += [f"{prefix}-{number:x}" for number in range(first, first + n_rows)]
        times += repeat(time, n_rows)
        latencies += repeat(latency, n_rows)
        all_keys += repeat(None, n_rows) if keys is None else keys

    def batch(self) -> Iterator[pa.RecordBatch]:
        """What was taken since the last batch, if anything."""
        import pyarrow as pa

        if not self._rows:
            return
        ids, times, latencies, keys, predictions, outputs = self._system
        values = dict(zip(self._schema.names[9:], zip(*self._rows, strict=True), strict=True))
        arrays = [array(column, self._schema.field(name).type) for name, column in values.items()]
        system = self._columns(len(ids), ids, times, latencies, keys, predictions, outputs)
        yield pa.RecordBatch.from_arrays([*system, *arrays], schema=self._schema)
        self._bytes = 0
        self._system = tuple([] for _ in range(6))
        self._rows = []

    def bulk(self, payload: bytes) -> Iterator[pa.RecordBatch]:
        """The rows of a bulk request's frame."""
        import pyarrow as pa

        first, time, latency, data = msgspec.msgpack.decode(payload)
        for batch in pa.ipc.open_stream(data):
            for at in range(0, batch.num_rows, GROUP_ROWS):
                part = batch.slice(at, GROUP_ROWS)
                n_rows = part.num_rows
                ids = [f"{self._header.prefix}-{number:x}" for number in range(first, first + n_rows)]
                first += n_rows
                given = dict(zip(part.schema.names, part.columns, strict=True))
                names = self._schema.names[6:]
                fields = [cast(given.get(name), self._schema.field(name).type, n_rows) for name in names]
                system = self._columns(n_rows, ids, [time] * n_rows, [latency] * n_rows, *fields[:3])
                yield pa.RecordBatch.from_arrays([*system, *fields[3:]], schema=self._schema)

    def _columns(self, n_rows: int, ids: Any, times: Any, latencies: Any, *last: Any) -> list[Any]:
        import pyarrow as pa

        header, schema = self._header, self._schema
        zeros = pa.repeat(pa.scalar(0, pa.int32()), n_rows)
        words = (header.version, header.digest, header.role)
        same = [pa.DictionaryArray.from_arrays(zeros, pa.array([word])) for word in words]
        given = [
            value if isinstance(value, pa.Array) else pa.array(value, schema.field(6 + i).type)
            for i, value in enumerate(last)
        ]
        moments = pa.array(times, pa.int64()).cast(schema.field(1).type)
        return [pa.array(ids, pa.string()), moments, *same, pa.array(latencies, pa.int64()), *given]

    def _coerced(self, payload: bytes) -> tuple[Any, ...]:
        first, time, latency, rows, outputs, predictions, keys = msgspec.msgpack.decode(payload)
        types: list[ColumnType] = [column.type for column in self._header.columns]
        empty = [None] * len(types)
        whole = [tuple(fitted(value, kind) for value, kind in zip([*row, *empty], types, strict=False)) for row in rows]
        kind: ColumnType = "number" if self._header.problem == "regression" else "text"
        return first, time, latency, whole, outputs, [fitted(value, kind) for value in predictions], keys
