"""The frames that a segment is made of: how a request's answers become one, and how intact ones are found again.

A frame is `length | crc32 | payload`, both unsigned 32-bit little-endian. A segment's first payload is its header as
JSON; the others are MessagePack: a request's rows (7 items), or a bulk request's Arrow batch (4 items).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from zlib import crc32

import msgspec

from tasks.core.predictions.moments import microseconds

if TYPE_CHECKING:
    import pyarrow as pa

BULK = 0x94
"""The first byte of a bulk request's payload: so MessagePack begins a list of four."""
_PREFIX = struct.Struct("<II")


def framed(payload: bytes) -> bytes:
    """The payload as a frame."""
    return _PREFIX.pack(len(payload), crc32(payload)) + payload


def _plain(value: Any) -> Any:
    """What MessagePack has no type for: subclasses of datetime, as microseconds since 1970, and numpy's scalars."""
    if isinstance(value, datetime):
        return microseconds(value)
    return value.item()


_encode = msgspec.msgpack.Encoder(enc_hook=_plain).encode


def rows_frame(
    first: int,
    time_us: int,
    latency_us: int,
    rows: Sequence[tuple[Any, ...]],
    outputs: Sequence[Sequence[float]],
    predictions: Sequence[str | float],
    keys: Sequence[str | None] | None,
) -> bytes:
    """The frame of a request: row i has the id `<prefix>-<first + i in hex>`; `time_us` is since 1970, in UTC."""
    if not len(rows) == len(outputs) == len(predictions):
        raise ValueError(f"{len(rows)} rows, {len(outputs)} outputs, {len(predictions)} predictions")
    try:
        payload = _encode((first, time_us, latency_us, rows, outputs, predictions, keys))
    except (OverflowError, UnicodeEncodeError):
        tame = [tuple(map(_tame, row)) for row in rows]
        payload = _encode((first, time_us, latency_us, tame, outputs, predictions, keys))
    return framed(payload)


def arrow_frame(first: int, time_us: int, latency_us: int | None, batch: pa.RecordBatch) -> bytes:
    """The frame of a bulk request: the logged columns, `__prediction__`, `__outputs__` and perhaps `__key__`.

    `latency_us` is None for rows that nobody waited for.
    """
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    payload = _encode((first, time_us, latency_us, sink.getvalue().to_pybytes()))
    return framed(payload)


def _tame(value: Any) -> Any:
    """An integer of more than 64 bits as a float, a text with half a surrogate pair with `?` in its place."""
    if type(value) is int:
        return float(value) if abs(value) < 2**1023 else None
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


def frames(file: BinaryIO) -> Iterator[bytes]:
    """The payloads of a segment's intact frames, up to the first torn one or to where the file ends now."""
    left = os.fstat(file.fileno()).st_size
    read, unpack = file.read, _PREFIX.unpack
    while left >= 8:
        length, expected = unpack(read(8))
        left -= 8 + length
        # A length of 0 is none of ours: after a power loss a file may end in zeros, whose sum is right.
        if not length or left < 0 or crc32(payload := read(length)) != expected:
            return
        yield payload


def intact_size(path: Path) -> int:
    """How many bytes of a segment are intact frames."""
    with path.open("rb") as file:
        return sum(_PREFIX.size + len(payload) for payload in frames(file))
