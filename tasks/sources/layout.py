"""How a delimited text file is laid out, judged by its first megabyte."""

from __future__ import annotations

import csv
import io
import sys
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tasks.core.errors import DataError
from tasks.sources.encoding import CHUNK, decoded, marked_encoding, opened

DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class Layout:
    """What must be known of a delimited file before its rows can be read."""

    path: Path
    encoding: str
    delimiter: str
    names: tuple[str, ...]


def layout_of(path: Path, delimiter: str | None, encoding: str | None) -> Layout:
    """The file's layout: as said, or found out. DataError when it has no header that names each column once."""
    with opened(path) as stream:
        start = stream.read(CHUNK)
    encoding = encoding or marked_encoding(start)
    sample = decoded(path, start, encoding)
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


def _delimiter_of(sample: str) -> str:
    """The delimiter that cuts the header into most fields and nearly all of the first rows into as many."""

    def n_fields(delimiter: str) -> int:
        rows = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
        counts = [len(row) for row in islice(rows, 100) if row]
        return counts[0] if counts.count(counts[0]) >= 0.9 * len(counts) else 0

    best = max(DELIMITERS, key=n_fields)
    return best if n_fields(best) > 1 else ","
