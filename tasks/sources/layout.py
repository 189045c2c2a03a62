"""How a delimited text file is laid out, judged by its first megabyte."""

from __future__ import annotations

import csv
import io
import re
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, islice

from tasks.core.errors import DataError
from tasks.sources.encoding import CHUNK, decoded, marked_encoding, opened
from tasks.sources.files import File
from tasks.sources.growing import NoRows

_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
DELIMITERS = tuple(_NAMES)

_POINT = re.compile(r"\s*[+-]?\d*\.\d+\s*")
_COMMA = re.compile(r"\s*[+-]?\d*,\d+\s*")
_THOUSANDS = re.compile(r"\s*[+-]?[1-9]\d{0,2},\d{3}\s*")
"""What may as well be a whole number, and so proves no decimal comma."""


@dataclass(frozen=True)
class Layout:
    """What must be known of a delimited file before its rows can be read."""

    file: File
    encoding: str
    delimiter: str
    decimal: str
    names: tuple[str, ...]

    @property
    def look(self) -> str:
        """In words, for people."""
        decimal = ", decimal comma" if self.decimal == "," else ""
        return f"{_NAMES.get(self.delimiter, repr(self.delimiter))}, {self.encoding}{decimal}"


def layout_of(file: File, delimiter: str | None, encoding: str | None, decimal: str | None) -> Layout:
    """The file's layout: as said, or found out. DataError when it has no header that names each column once."""
    with opened(file) as stream:
        start = stream.read(CHUNK)
    encoding = encoding or marked_encoding(start)
    sample = decoded(file, start, encoding)
    if not sample.strip():
        raise NoRows(f"{file.name} is empty", expected="a header and rows", action="Check what wrote the file")
    csv.field_size_limit(sys.maxsize)
    delimiter = delimiter or _delimiter_of(sample)
    rows = (row for row in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter) if row)
    header = next(rows)
    names = tuple(name.strip() or f"column_{number}" for number, name in enumerate(header, start=1))
    repeated = [name for name, n in Counter(names).items() if n > 1]
    if repeated:
        raise DataError(
            f"{file.name} has columns of the same name",
            expected="a name of its own for each column",
            found=", ".join(f"{names.count(name)} times {name!r}" for name in repeated[:5]),
            action="Rename them in the header",
        )
    if len(names) == 1 and any(other in names[0] for other in DELIMITERS):
        raise DataError(
            f"The header of {file.name} is one field",
            expected=f"columns between {delimiter!r}",
            found=repr(names[0][:60]),
            action=f"Say `delimiter: {_delimiter_of(sample)!r}`, or leave the delimiter out and it is found",
        )
    if (row := next(rows, None)) is None:
        raise NoRows(f"{file.name} has no rows", expected="rows below the header", action="Check what wrote it")
    return Layout(file, encoding, delimiter, decimal or _decimal_of(delimiter, chain([row], rows)), names)


def words_for_nothing(layout: Layout, words: Iterable[str]) -> Counter[tuple[str, str]]:
    """How often which of these words stands in which column, in the file's first megabyte."""
    with opened(layout.file) as stream:
        sample = decoded(layout.file, stream.read(CHUNK), layout.encoding)
    known = {word for word in words if word}
    rows = csv.reader(io.StringIO(sample, newline=""), delimiter=layout.delimiter)
    return Counter(
        (name, cell)
        for row in islice(rows, 1, None)
        for name, cell in zip(layout.names, row, strict=False)
        if cell in known
    )


def _decimal_of(delimiter: str, rows: Iterable[list[str]]) -> str:
    """The sign before the decimals of most numbers; with commas between the values always the point."""
    if delimiter == ",":
        return "."
    values = [value for row in islice(rows, 1000) for value in row]
    n_points = sum(_POINT.fullmatch(value) is not None for value in values)
    n_commas = sum(_COMMA.fullmatch(value) is not None and not _THOUSANDS.fullmatch(value) for value in values)
    return "," if n_commas > n_points else "."


def _delimiter_of(sample: str) -> str:
    """The delimiter that cuts the header into most fields and nearly all of the first rows into as many."""

    def n_fields(delimiter: str) -> int:
        rows = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
        counts = [len(row) for row in islice(rows, 100) if row]
        return counts[0] if counts.count(counts[0]) >= 0.9 * len(counts) else 0

    best = max(DELIMITERS, key=n_fields)
    return best if n_fields(best) > 1 else ","
