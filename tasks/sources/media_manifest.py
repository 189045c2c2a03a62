"""The rows of a manifest: a table that names files of a folder and says more of each, in columns of any type."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.core.errors import DataError
from tasks.core.intake import Intake
from tasks.core.nearest import perhaps
from tasks.sources.csv import Csv
from tasks.sources.files import no_file
from tasks.sources.jsonl import Jsonl
from tasks.sources.media_files import Listing, MediaFile
from tasks.sources.parquet import Parquet

if TYPE_CHECKING:
    import pyarrow as pa

_SOURCES = {
    **dict.fromkeys((".csv", ".tsv"), Csv),
    **dict.fromkeys((".jsonl", ".ndjson"), Jsonl),
    ".parquet": Parquet,
}
AT_ONCE = 1_000
"""Rows of the manifest that are plain Python values at a time."""


def rows(
    root: Path, manifest: str, column: str, listing: Listing, intake: Intake, medium: str
) -> tuple[pa.Schema, Iterator[tuple[MediaFile, Mapping[str, Any]]]]:
    """The schema of what the manifest says, and its rows with their files, in its order.

    A row whose file is not there goes into quarantine. A manifest that changed, or another folder, is read anew as a
    whole: a row of a table has no name by which it could be known again.
    """
    table = root / manifest
    if not table.is_file():
        names = [entry.name for entry in root.iterdir() if entry.suffix.lower() in _SOURCES]
        hint = perhaps(manifest, names, "Check `manifest` in the source; it is relative to `path`")
        raise DataError(f"There is no manifest {manifest} in {root}", action=hint)
    source = _SOURCES.get(table.suffix.lower())
    if source is None:
        raise no_file(str(table), tuple(_SOURCES))
    stamp = table.stat()
    now: dict[str, Any] = {file.name: list(file.stamp) for file in listing.files}
    now[""] = [stamp.st_size, stamp.st_mtime_ns]
    if isinstance(intake.position, Mapping):
        if intake.position == now and intake.schema is not None:
            intake.reached = now
            return _said(intake.schema, medium), iter(())
        intake.restart()
    intake.reached = now
    batches = source(path=str(table)).batches(_Within(intake))
    first = next((batch for batch in batches if batch.num_rows), None)
    if first is None:
        raise DataError(f"{manifest} has no rows", expected="one for each file", action="Check what wrote it")
    _require(first.schema, column, medium, manifest)
    fields = [field for field in first.schema if field.name != column]
    import pyarrow as pa

    return pa.schema(fields), _found(first, batches, column, listing, intake, manifest)


class _Within(Intake):
    """The reading of the manifest, within that of the folder: what is no row of it goes where all of that goes."""

    def __init__(self, outer: Intake) -> None:
        super().__init__(folder=outer.folder)
        self._outer = outer

    def reject(self, where: str, reason: str, content: bytes | str = b"", n_items: int = 1) -> None:
        self._outer.reject(where, reason, content, n_items)


def _found(
    first: pa.RecordBatch,
    others: Iterator[pa.RecordBatch],
    column: str,
    listing: Listing,
    intake: Intake,
    manifest: str,
) -> Iterator[tuple[MediaFile, Mapping[str, Any]]]:
    # One name may be written in two ways in Unicode, and macOS writes the other one.
    files = {_plain(file.name): file for file in listing.files}
    unnamed = dict.fromkeys(files)
    for batch in _chained(first, others):
        for start in range(0, batch.num_rows, AT_ONCE):
            for values in batch.slice(start, AT_ONCE).to_pylist():
                name = values.pop(column)
                file = files.get(_plain(name)) if name else None
                if file is None:
                    reason = "the folder has no such file" if name else "the row names no file"
                    intake.reject(f"{manifest}: {name}" if name else manifest, reason, repr(values))
                else:
                    unnamed.pop(_plain(name), None)
                    yield file, values
    if unnamed:
        text = f"{len(unnamed):,} files are named by no row of {manifest}, like {next(iter(unnamed))}; left out"
        intake.note("missing", text, len(unnamed))


def _chained(first: pa.RecordBatch, others: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield first
    yield from others


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name.replace("\\", "/").removeprefix("./"))


def _said(schema: pa.Schema, medium: str) -> pa.Schema:
    import pyarrow as pa

    return pa.schema([field for field in schema if field.name not in (medium, "__file__")])


def _require(schema: pa.Schema, column: str, medium: str, manifest: str) -> None:
    import pyarrow as pa

    if column not in schema.names:
        raise DataError(
            f"{manifest} has no column {column!r}",
            expected="the column that names the files, as `file:` in the source",
            found=", ".join(schema.names[:10]),
            action=perhaps(column, schema.names, "Say its name as `file:`"),
        )
    if not pa.types.is_string(schema.field(column).type):
        raise DataError(
            f"Column {column!r} of {manifest} names no files", expected="text", found=str(schema.field(column).type)
        )
    for taken in (medium, "__file__"):
        if taken in schema.names and taken != column:
            action = "Rename it in the manifest"
            raise DataError(f"{manifest} has a column {taken!r}, which is to hold the {medium}", action=action)
