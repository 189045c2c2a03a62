"""A body as it was before the server compressed it, never more than fits: a small answer may inflate to terabytes."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import BinaryIO

MOST_BYTES = 256 << 20
"""Of one page, uncompressed."""
STEP = 1 << 20

_EITHER = zlib.MAX_WBITS | 32  # gzip or zlib, by the header


class _Unreadable(Exception):
    def __init__(self, expected: str, found: str) -> None:
        super().__init__(found)
        self.expected = expected
        self.found = found


class Broken(_Unreadable):
    """The bytes are not compressed as the header says, or end too soon."""


class TooLarge(_Unreadable):
    """The page is larger than `MOST_BYTES`."""


def write_inflated(chunks: Iterable[bytes], encoding: str, file: BinaryIO) -> None:
    """Write the body to the file. `encoding` is the header Content-Encoding: gzip, deflate, or nothing."""
    n_bytes = 0
    for data in chunks if encoding in ("", "identity") else _inflated(chunks, encoding):
        n_bytes += len(data)
        if n_bytes > MOST_BYTES:
            raise TooLarge(f"at most {MOST_BYTES >> 20:,} MB a page", "more; ask for smaller pages with `paging.size`")
        file.write(data)


def _inflated(chunks: Iterable[bytes], encoding: str) -> Iterable[bytes]:
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise Broken("gzip or no compression, as it was asked for", f"Content-Encoding {encoding!r}")
    inflating, began = zlib.decompressobj(_EITHER), False
    for chunk in chunks:
        while chunk:
            began = True
            if inflating.eof:  # one gzip file may follow another
                inflating = zlib.decompressobj(_EITHER)
            try:
                yield inflating.decompress(chunk, STEP)
            except zlib.error as exc:
                raise Broken(encoding, f"{chunk[:40]!r} ({exc})") from exc
            chunk = inflating.unconsumed_tail or inflating.unused_data
    # What the limit of a step held back: the input can be all taken in before the output is all given out.
    while began and not inflating.eof and (data := inflating.decompress(b"", STEP)):
        yield data
    if began and not inflating.eof:
        raise Broken(f"{encoding} to its end", "a body that ends before its compressed data do")
