"""How a delimited text file is laid out, and why one cannot be read.

Only the first megabyte is looked at; the whole file is read in Python when pyarrow has given up on it, to say where.
"""

from __future__ import annotations

import codecs
import csv
import io
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TextIO

from tasks.core.errors import DataError

DELIMITERS = (",", ";", "\t", "|")
_SAMPLE = 1 << 20
_BYTE_ORDER_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


@dataclass(frozen=True)
class Layout:
    """What must be known of a delimited file before its rows can be read."""

    path: Path
    encoding: str
    delimiter: str
    names: tuple[str, ...]


def layout_of(path: Path, delimiter: str | None, encoding: str | None) -> Layout:
    """The file's layout: as said, or found out. DataError when it has no header that names each column once."""
    with _opened(path) as stream:
        start = stream.read(_SAMPLE)
    encoding = encoding or next((e for mark, e in _BYTE_ORDER_MARKS.items() if start.startswith(mark)), "utf-8")
    sample = _decoded(path, start, encoding)
    if not sample.strip():
        raise DataError(f"{path.name} is empty", expected="a header and rows", action="Check what wrote the file")
    csv.field_size_limit(sys.maxsize)
    delimiter = delimiter or _delimiter_of(sample)
    rows = (row for row in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter) if row)
    header = next(rows)
    names = tuple(name.strip() or f"column_{number}" for number, name in enumerate(header, start=1))
    repeated = [name for name, n in Counter(names).items() if n > 1]
    if repeated:
        raise DataError(
            f"{path.name} has columns of the same name",
            expected="a name of its own for each column",
            found=", ".join(f"{names.count(name)} times {name!r}" for name in repeated[:5]),
            action="Rename them in the header",
        )
    if len(names) == 1 and any(other in names[0] for other in DELIMITERS):
        raise DataError(
            f"The header of {path.name} is one field",
            expected=f"columns between {delimiter!r}",
            found=repr(names[0][:60]),
            action=f"Say `delimiter: {_delimiter_of(sample)!r}`, or leave the delimiter out and it is found",
        )
    if next(rows, None) is None:
        raise DataError(f"{path.name} has no rows", expected="rows below the header", action="Check what wrote it")
    return Layout(path, encoding, delimiter, names)


def unreadable(layout: Layout, problem: str) -> DataError:
    """Why the file's rows cannot be read: where its bytes are not text, or its rows not all of one length."""
    name = layout.path.name
    try:
        with _text(layout) as text:
            reader = csv.reader(text, delimiter=layout.delimiter)
            ragged = [(reader.line_num, row) for row in reader if row and len(row) != len(layout.names)]
    except UnicodeDecodeError:
        return _wrong_encoding(layout.path, layout.encoding)
    if not ragged:
        return DataError(f"{name} cannot be read", found=problem)
    line, row = ragged[0]
    others = f", and {len(ragged) - 1} more such lines" if len(ragged) > 1 else ""
    return DataError(
        f"{name}, line {line} does not have the header's number of fields",
        expected=f"{len(layout.names)} fields",
        found=f"{len(row)}: {layout.delimiter.join(row)[:80]!r}{others}",
        action='Put values that hold the delimiter in double quotes ("), or correct these lines',
    )


@contextmanager
def _opened(path: Path) -> Iterator[io.BufferedReader]:
    import pyarrow as pa

    with pa.input_stream(str(path), compression="detect") as stream:
        yield io.BufferedReader(stream)  # pyright: ignore[reportArgumentType]


@contextmanager
def _text(layout: Layout) -> Iterator[TextIO]:
    encoding = "utf-8-sig" if layout.encoding == "utf-8" else layout.encoding
    with _opened(layout.path) as stream, io.TextIOWrapper(stream, encoding=encoding, newline="") as text:
        yield text


def _decoded(path: Path, start: bytes, encoding: str) -> str:
    try:
        # Not final: the sample may end inside a character.
        text = codecs.getincrementaldecoder(encoding)().decode(start, final=False)
    except LookupError as exc:
        raise DataError(f"The encoding of {path.name} is not known", found=repr(encoding)) from exc
    except UnicodeError as exc:
        raise _wrong_encoding(path, encoding) from exc
    if "\0" in text:
        raise DataError(
            f"{path.name} is not text in {encoding}",
            found=f"a zero byte at byte {start.find(0):,}",
            action="Say `encoding: utf-16` if it comes from a spreadsheet, else check that it is a CSV file",
        )
    return text.removeprefix("\ufeff")


def _wrong_encoding(path: Path, encoding: str) -> DataError:
    decoder = codecs.getincrementaldecoder(encoding)()
    offset, line = 0, 1
    with _opened(path) as stream:
        while chunk := stream.read(_SAMPLE):
            held = len(decoder.getstate()[0])
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as exc:
                at = max(exc.start - held, 0)
                line += chunk.count(b"\n", 0, at)
                return DataError(
                    f"{path.name}, line {line} is not text in {encoding}",
                    found=f"{chunk[at : at + 1]!r} at byte {offset + at:,}",
                    action="Say its encoding, often `encoding: latin-1` (or cp1252, utf-16)",
                )
            offset += len(chunk)
            line += chunk.count(b"\n")
    return DataError(f"{path.name} is not text in {encoding}", action="Say its encoding, as in `encoding: latin-1`")


def _delimiter_of(sample: str) -> str:
    """The delimiter that cuts the header into most fields and nearly all of the first rows into as many."""

    def n_fields(delimiter: str) -> int:
        rows = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
        counts = [len(row) for row in islice(rows, 100) if row]
        return counts[0] if counts.count(counts[0]) >= 0.9 * len(counts) else 0

    best = max(DELIMITERS, key=n_fields)
    return best if n_fields(best) > 1 else ","
