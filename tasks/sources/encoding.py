"""A text file's bytes, plain or compressed, and its characters; or the place where they are not the encoding's."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.core.errors import DataError

CHUNK = 1 << 20
_BYTE_ORDER_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def marked_encoding(start: bytes) -> str:
    """The encoding that the first bytes of a file name by a mark; UTF-8 when they have none."""
    return next((encoding for mark, encoding in _BYTE_ORDER_MARKS.items() if start.startswith(mark)), "utf-8")


@contextmanager
def opened(path: Path) -> Iterator[io.BufferedReader]:
    """The file's bytes, uncompressed."""
    import pyarrow as pa

    with pa.input_stream(str(path), compression="detect") as stream:
        yield io.BufferedReader(stream)  # pyright: ignore[reportArgumentType]


def decoded(path: Path, start: bytes, encoding: str) -> str:
    """The characters that the file starts with."""
    try:
        # Not final: the sample may end inside a character.
        text = codecs.getincrementaldecoder(encoding)().decode(start, final=False)
    except LookupError as exc:
        raise DataError(f"The encoding of {path.name} is not known", found=repr(encoding)) from exc
    except UnicodeError as exc:
        raise wrong_encoding(path, encoding) from exc
    if "\0" in text:
        raise DataError(
            f"{path.name} is not text in {encoding}",
            found=f"a zero byte at byte {start.find(0):,}",
            action="Say `encoding: utf-16` if it comes from a spreadsheet, else check that it is a CSV file",
        )
    return text.removeprefix("\ufeff")


def wrong_encoding(path: Path, encoding: str) -> DataError:
    """That the file is not text in this encoding, and where."""
    decoder = codecs.getincrementaldecoder(encoding)()
    offset, line = 0, 1
    with opened(path) as stream:
        while chunk := stream.read(CHUNK):
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
