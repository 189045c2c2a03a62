"""Why a delimited text file cannot be read: the file is gone through in Python once pyarrow has given up on it."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from tasks.core.errors import DataError
from tasks.sources.encoding import CHUNK, opened, wrong_encoding
from tasks.sources.layout import Layout


def unreadable(layout: Layout, problem: str) -> DataError:
    """Why the file's rows cannot be read: where its bytes are not text, or its rows not all of one length."""
    csv.field_size_limit(sys.maxsize)
    name = layout.file.name
    n_ragged, where, fields = 0, 0, [""]
    try:
        with _text(layout) as text:
            reader = csv.reader(text, delimiter=layout.delimiter)
            line = 1
            for row in reader:
                if row and len(row) != len(layout.names):
                    where, fields = (where, fields) if n_ragged else (line, row)
                    n_ragged += 1
                line = reader.line_num + 1
    except UnicodeDecodeError:
        return wrong_encoding(layout.file, layout.encoding)
    if not n_ragged:
        return DataError(f"{name} cannot be read", found=problem)
    others = f", and {n_ragged - 1:,} more such lines" if n_ragged > 1 else ""
    return DataError(
        f"{name}, line {where} does not have the header's number of fields",
        expected=f"{len(layout.names)} fields",
        found=f"{len(fields)}: {layout.delimiter.join(fields)[:80]!r}{others}",
        action='Put values that hold the delimiter in double quotes ("), or correct these lines',
    )


def require_closed(layout: Layout, n_rows: int, last: object) -> None:
    """DataError when the file's `last` value is a quote that was opened, never closed, and took in all that follows."""
    if not isinstance(last, str) or "\n" not in last:
        return
    # Of a value with a line end in it the file must hold the closing quote, and here it would be the last sign.
    if not _end(layout).rstrip("\r\n").endswith('"'):
        raise DataError(
            f"{layout.file.name}, row {n_rows:,} has a quote that is not closed",
            expected='a second double quote (") at the end of the value',
            found=f"{len(last):,} signs from {last[:40]!r} to the end of the file",
            action="Close the quote, or leave it out",
        )


def is_cut_off(layout: Layout, line: str) -> bool:
    """Whether the file ends within this line: so does one that is still being written."""
    return bool(line) and _end(layout).endswith(line)


def _end(layout: Layout) -> str:
    before = end = b""
    with opened(layout.file) as stream:
        while chunk := stream.read(CHUNK):
            before, end = end, chunk
    # A character of UTF-16 has two bytes; the mark at the beginning is not among these.
    encoding = "utf-16-le" if layout.encoding == "utf-16" else layout.encoding
    return (before[-CHUNK:] + end).decode(encoding, "ignore")


@contextmanager
def _text(layout: Layout) -> Iterator[TextIO]:
    encoding = "utf-8-sig" if layout.encoding == "utf-8" else layout.encoding
    with opened(layout.file) as raw, io.TextIOWrapper(io.BufferedReader(raw), encoding=encoding, newline="") as text:
        yield text
