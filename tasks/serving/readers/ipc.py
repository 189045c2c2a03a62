"""How much memory Arrow data need, told by their own headers before anything is decoded.

The buffers of a record batch may be compressed, each with its decoded size before it. Arrow believes that size, and so
a kilobyte of zeros may ask for a terabyte. The headers are FlatBuffers (Message.fbs and Schema.fbs of Apache Arrow).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator

from tasks.serving.readers.columns import too_large

Message = tuple[memoryview, memoryview]
"""The header of a message, and its body."""
MAGIC = b"ARROW1"
_DICTIONARY, _BATCH = 2, 3
"""The kinds of messages that have buffers."""


def check(messages: Iterable[Message], check_number: Callable[[int], None], most: int) -> None:
    """Raises what `check_number` raises of the number of rows, Refusal when more bytes than `most` would be decoded.

    A ValueError, an IndexError or a struct.error says that it is no Arrow.
    """
    n_rows = n_bytes = 0
    for header, data in messages:
        batch = _batch(header)
        if batch is None:
            continue
        is_rows, length, buffers, is_compressed = batch
        n_rows += length if is_rows else 0
        check_number(n_rows)
        for offset, size in buffers:
            decoded = struct.unpack_from("<q", data, offset)[0] if is_compressed and size else -1
            n_bytes += size if decoded == -1 else decoded
            if decoded < -1 or size < 0 or length < 0:
                raise ValueError("a negative size")
            if n_bytes > most:
                raise too_large(most)


def of_stream(body: bytes) -> Iterator[Message]:
    """The messages of a stream."""
    import pyarrow as pa

    reader = pa.ipc.MessageReader.open_stream(pa.py_buffer(body))
    while True:
        try:
            message = reader.read_next_message()
        except StopIteration:
            return
        yield memoryview(message.metadata), memoryview(message.body or b"")


def of_file(body: bytes) -> Iterator[Message]:
    """The messages of a file that its table of contents names."""
    data = memoryview(body)
    if not body.startswith(MAGIC) or not body.endswith(MAGIC):
        raise ValueError(f"no {MAGIC.decode()} at its beginning and end")
    end = len(body) - len(MAGIC) - 4
    start = end - struct.unpack_from("<I", data, end)[0]
    if start < len(MAGIC):
        raise ValueError("no table of contents")
    footer = _table(data[start:end], 0)
    for place in footer[2:4]:
        for offset, length, _, size in _structs(data[start:end], place, "<qiiq") if place else ():
            if offset < 0 or length < 8 or size < 0:
                raise ValueError("a negative size")
            is_prefixed = struct.unpack_from("<I", data, offset)[0] == 0xFFFFFFFF  # since format version 0.15
            yield data[offset + (8 if is_prefixed else 4) : offset + length], data[offset + length :][:size]


def _batch(header: memoryview) -> tuple[bool, int, list[tuple[int, ...]], bool] | None:
    """Of a message with buffers: if it holds rows, how many, each buffer's place and size, if they are compressed."""
    message = _table(header, 0)
    kind = header[message[1]] if message[1] else 0
    if kind not in (_DICTIONARY, _BATCH) or not message[2]:
        return None
    batch = _table(header, message[2])
    if kind == _DICTIONARY:
        batch = _table(header, batch[1])
    length = struct.unpack_from("<q", header, batch[0])[0] if batch[0] else 0
    return kind == _BATCH, length, list(_structs(header, batch[2], "<qq")) if batch[2] else [], bool(batch[3])


def _table(data: memoryview, at: int) -> list[int]:
    """Where the first four fields lie of the table to which the offset at `at` leads; 0 for one that is left out."""
    table = at + struct.unpack_from("<I", data, at)[0]
    fields = table - struct.unpack_from("<i", data, table)[0]
    size = struct.unpack_from("<H", data, fields)[0]
    places = [struct.unpack_from("<H", data, fields + 4 + 2 * i)[0] if 6 + 2 * i <= size else 0 for i in range(4)]
    return [table + place if place else 0 for place in places]


def _structs(data: memoryview, at: int, form: str) -> Iterator[tuple[int, ...]]:
    start = at + struct.unpack_from("<I", data, at)[0]
    n = struct.unpack_from("<I", data, start)[0]
    yield from struct.iter_unpack(form, data[start + 4 : start + 4 + struct.calcsize(form) * n])
