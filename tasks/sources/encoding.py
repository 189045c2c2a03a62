"""A text file's bytes, plain or compressed, and its characters; or the place where they are not the encoding's."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tasks.core.errors import DataError
from tasks.sources.files import File

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK = 1 << 20
_BYTE_ORDER_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def marked_encoding(start: bytes) -> str:
    """The encoding that the first bytes of a file name by a mark; UTF-8 when they have none."""
    return next((encoding for mark, encoding in _BYTE_ORDER_MARKS.items() if start.startswith(mark)), "utf-8")


_COMPRESSIONS = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zstd"}
"""By the first bytes, not by the name: names are often wrong."""


@contextmanager
def opened(file: File) -> Iterator[pa.NativeFile]:
    """The file's bytes, uncompressed; DataError when they are damaged or may not be read."""
    import pyarrow as pa

    try:
        with file.path.open("rb") as raw:
            start = raw.read(4)
        how = next((name for mark, name in _COMPRESSIONS.items() if start.startswith(mark)), None)
        with pa.input_stream(str(file.path), compression=how) as stream:
            yield stream
    except OSError as exc:
        action = "Check whether it is still being written, or write it again" if "runcated" in str(exc) else ""
        raise DataError(f"{file.name} cannot be read to its end", found=str(exc), action=action) from exc


def decoded(file: File, start: bytes, encoding: str) -> str:
    """The characters that the file starts with."""
    try:
        # Not final: the sample may end inside a character.
        text = codecs.getincrementaldecoder(encoding)().decode(start, final=False)
    except LookupError as exc:
        raise DataError(f"The encoding of {file.name} is not known", found=repr(encoding)) from exc
    except UnicodeError as exc:
        raise wrong_encoding(file, encoding) from exc
    if "\0" in text:
        raise DataError(
            f"{file.name} is not text in {encoding}",
            found=f"a zero byte at byte {start.find(0):,}",
            action="Say `encoding: utf-16` if it comes from a spreadsheet, else check that it is a CSV file",
        )
    return text.removeprefix("\ufeff")


def wrong_encoding(file: File, encoding: str) -> DataError:
    """That the file is not text in this encoding, and where."""
    decoder = codecs.getincrementaldecoder(encoding)()
    offset, line = 0, 1
    with opened(file) as stream:
        while chunk := stream.read(CHUNK):
            held = len(decoder.getstate()[0])
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as exc:
                at = max(exc.start - held, 0)
                line += chunk.count(b"\n", 0, at)
                around = chunk[max(at - 20, chunk.rfind(b"\n", 0, at) + 1) : at + 20].splitlines()[0]
                return DataError(
                    f"{file.name}, line {line} is not text in {encoding}",
                    found=f"{chunk[at : at + 1]!r} at byte {offset + at:,}",
                    action=f"Say its encoding: with `encoding: cp1252` (Western Europe, much as latin-1) this place is "
                    f"{around.decode('cp1252', 'replace')!r}",
                )
            offset += len(chunk)
            line += chunk.count(b"\n")
    return DataError(f"{file.name} is not text in {encoding}", action="Say its encoding, as in `encoding: latin-1`")
