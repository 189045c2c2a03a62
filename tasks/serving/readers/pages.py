"""How much memory a Parquet file needs, told by the header of each of its pages before any is decoded.

The file's table of contents tells sizes too, but the library allocates what a page's header says, and they need not
agree. The headers are Thrift structures in its compact protocol (parquet.thrift of Apache Parquet).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.serving.readers.columns import too_large
from tasks.serving.refusal import Refusal

if TYPE_CHECKING:
    import pyarrow.parquet as pq

UNCOMPRESSED, COMPRESSED, DATA, DATA_V2 = 2, 3, 5, 8
"""Fields of a page's header."""
DELTA_BYTE_ARRAY = 7
"""The encoding of a text by what it has in common with the one before: a kilobyte may be a terabyte."""


def check(body: bytes, metadata: pq.FileMetaData, most: int) -> None:
    """Raises Refusal when more than so many bytes would be decoded, or when nobody can tell.

    A ValueError or an IndexError says that it is no Parquet.
    """
    n_bytes = 0
    for group in range(metadata.num_row_groups):
        for number in range(metadata.num_columns):
            column = metadata.row_group(group).column(number)
            starts = [column.data_page_offset, *([column.dictionary_page_offset] if column.has_dictionary_page else [])]
            at = min(start for start in starts if start and start > 0)
            end = at + column.total_compressed_size
            while at < end:
                header, at = _struct(body, at)
                size, packed = header[UNCOMPRESSED], header[COMPRESSED]
                if size < 0 or packed < 0:
                    raise ValueError("a negative size")
                told = ((header.get(DATA), 2), (header.get(DATA_V2), 4))
                if any(isinstance(inner, dict) and inner.get(place) == DELTA_BYTE_ARRAY for inner, place in told):
                    raise _encoded(column.path_in_schema)
                n_bytes += size
                at += packed
                if n_bytes > most:
                    raise too_large(most)


def _encoded(name: str) -> Refusal:
    return Refusal(
        422,
        f"The column “{name[:100]}” is encoded in a way that is not taken",
        field=name,
        expected="PLAIN, or with a dictionary, as writers do if nothing else is said",
        found="DELTA_BYTE_ARRAY",
        action="Write the file without `column_encoding`.",
    )


def _struct(data: bytes, at: int, depth: int = 0) -> tuple[dict[int, Any], int]:
    """The fields of the structure at that place by their numbers, and where it ends."""
    if depth > 8:
        raise ValueError("a header within headers")
    found: dict[int, Any] = {}
    number = 0
    while (head := data[at]) != 0:
        at += 1
        if head >> 4:
            number += head >> 4
        else:
            number, at = _integer(data, at)
        found[number], at = _value(data, at, head & 15, depth)
    return found, at + 1


def _value(data: bytes, at: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind in (1, 2):  # true, false
        return kind == 1, at
    if kind == 3:
        return data[at], at + 1
    if kind in (4, 5, 6):
        return _integer(data, at)
    if kind == 7:
        return None, at + 8
    if kind == 8:
        size, at = _varint(data, at)
        return None, at + size
    if kind == 12:
        return _struct(data, at, depth + 1)
    raise ValueError(f"a field of kind {kind} in a page's header")


def _integer(data: bytes, at: int) -> tuple[int, int]:
    raw, at = _varint(data, at)
    return (raw >> 1) ^ -(raw & 1), at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    found = shift = 0
    while shift < 70:
        byte = data[at]
        at += 1
        found |= (byte & 127) << shift
        if byte < 128:
            return found, at
        shift += 7
    raise ValueError("an endless number")
