"""The names and the rows of a CSV text that came as one page, each row a list of texts; streamed from its file."""

from __future__ import annotations

import csv
import io
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TextIO

from tasks.core.errors import DataError

DELIMITERS = (",", ";", "\t", "|")


def header_and_lines(path: Path, encoding: str | None, title: str) -> tuple[list[str], Iterator[list[str]]]:
    """The header's names, and the rows below it; a text without a header has neither.

    UnicodeDecodeError or LookupError, now or while the rows are read, when the text is not in the encoding.
    """
    encoding = _marked(path, encoding)
    with path.open(encoding=encoding, newline="") as text:
        start = "".join(islice(text, 100))

    def suits(sign: str) -> tuple[bool, int]:
        header, below = (*islice(_rows(io.StringIO(start, newline=""), sign), 2), [], [])[:2]
        return len(header) == len(below), len(header)

    # The one that cuts the row below as it cuts the header, into most fields.
    delimiter = max(DELIMITERS, key=suits)
    header = next(_rows(io.StringIO(start, newline=""), delimiter), [])
    names = [name.strip() or f"column_{number}" for number, name in enumerate(header, start=1)]
    repeated = [name for name, n in Counter(names).items() if n > 1]
    if repeated:
        raise DataError(
            f"The CSV of {title} has columns of the same name",
            expected="a name of its own for each column",
            found=", ".join(map(repr, repeated[:5])),
            action="Ask the API for one of them, or for JSON",
        )
    return names, _lines(path, encoding, delimiter)


def _lines(path: Path, encoding: str, delimiter: str) -> Iterator[list[str]]:
    with path.open(encoding=encoding, newline="") as text:
        rows = _rows(text, delimiter)
        next(rows, None)
        yield from rows


def _rows(text: TextIO, delimiter: str) -> Iterator[list[str]]:
    csv.field_size_limit(sys.maxsize)
    return (row for row in csv.reader(text, delimiter=delimiter) if row)


def _marked(path: Path, encoding: str | None) -> str:
    """The encoding, which takes away a mark at the beginning; by that mark, or UTF-8, when there is none."""
    with path.open("rb") as file:
        start = file.read(2)
    if encoding is None:
        return "utf-16" if start in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    return "utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding
