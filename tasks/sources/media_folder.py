"""A folder of images or sounds as rows: the bytes of each file, its class or what a manifest says of it, its name.

Without a manifest the folders at the top are the classes. The position is every file taken, with its size and time of
change: the next reading takes what is new, and everything again when one of those has changed or vanished.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from tasks.core.errors import DataError
from tasks.core.intake import Intake
from tasks.core.media import Format
from tasks.core.records import Record
from tasks.sources import media_manifest
from tasks.sources.files import Place
from tasks.sources.media_files import Faulty, Listing, MediaFile, content, listed

if TYPE_CHECKING:
    import pyarrow as pa

FILE, LABEL = "__file__", "label"
BATCH_BYTES = 16 << 20
BATCH_ROWS = 1_000


class MediaFolder(Record):
    """What the kinds have in common; each names its column of bytes and the endings of its files."""

    path: Place
    """The folder."""
    manifest: Place | None = None
    """A table within the folder, with a row for each file: CSV, JSON lines or Parquet. All its columns are kept."""
    file: str = "file"
    """The manifest's column that names the files, as their path within the folder."""

    column: ClassVar[str]
    formats: ClassVar[Mapping[str, Format]]
    """The ending of each format, in lower case."""
    foreign: ClassVar[Collection[str]]
    """Endings of such media that are not read: their files go into quarantine."""

    @property
    def title(self) -> str:
        return Path(self.path).name

    def batches(self, intake: Intake) -> Iterator[pa.RecordBatch]:
        """The rows in order, as batches of one schema; DataError for what is no such folder, or holds none."""
        listing = listed(Path(self.path), self.formats, self.foreign)
        if not listing.files:
            raise DataError(
                f"{self.title} holds no {self.column}",
                expected=f"files that end in {', '.join(self.formats)}",
                found=f"{listing.n_others:,} others",
                action="Check `path` in the source",
            )
        classes = sorted({file.name.split("/")[0] for file in listing.files if "/" in file.name})
        intake.look = _look(listing, [] if self.manifest else classes, self.column)
        if self.manifest is not None:
            rows = media_manifest.rows(Path(self.path), self.manifest, self.file, listing, intake, self.column)
        else:
            rows = self._new(listing, bool(classes), intake)
        n_rows = 0
        for batch in self._read(*rows, intake):
            n_rows += batch.num_rows
            yield batch
        if not n_rows and intake.position is None:
            raise _none_readable(self.title, self.column, intake)

    def _new(self, listing: Listing, has_classes: bool, intake: Intake) -> tuple[pa.Schema, Iterator[_Row]]:
        """The schema, and the files that are not among the rows before."""
        import pyarrow as pa

        # As text, also where all names are digits: a class is no quantity.
        label = pa.field(LABEL, pa.string(), metadata={"role": "class"})
        schema = pa.schema([label] if has_classes else [])
        now = {file.name: list(file.stamp) for file in listing.files}
        taken = intake.position if isinstance(intake.position, Mapping) else {}
        known = intake.schema is None or (LABEL in intake.schema.names) == has_classes
        if taken and not (known and all(now.get(name) == stamp for name, stamp in taken.items())):
            intake.restart()
            taken = {}
        intake.reached = now  # pyright: ignore[reportAttributeAccessIssue]

        def rows() -> Iterator[_Row]:
            for file in listing.files:
                if file.name in taken:
                    continue
                if has_classes and "/" not in file.name and not file.fault:
                    intake.reject(file.name, "it is in no folder, and the folders are the classes")
                else:
                    yield file, {LABEL: file.name.split("/")[0]} if has_classes else {}

        return schema, rows()

    def _read(self, schema: pa.Schema, rows: Iterator[_Row], intake: Intake) -> Iterator[pa.RecordBatch]:
        """Batches of so many bytes, whatever the size of a file."""
        import pyarrow as pa

        schema = pa.schema([pa.field(self.column, pa.binary()), *schema, pa.field(FILE, pa.string())])
        held: list[dict[str, Any]] = []
        n_bytes = 0
        for file, values in rows:
            try:
                found = content(file, self.formats)
            except Faulty as fault:
                intake.reject(file.name, fault.reason, fault.content)
                if not fault.lasting and isinstance(intake.reached, dict):
                    intake.reached[file.name] = None  # another stamp than any: it is tried again
                continue
            held.append({self.column: found, **values, FILE: file.name})
            n_bytes += len(found)
            if n_bytes >= BATCH_BYTES or len(held) >= BATCH_ROWS:
                yield pa.RecordBatch.from_pylist(held, schema=schema)
                held, n_bytes = [], 0
        if held:
            yield pa.RecordBatch.from_pylist(held, schema=schema)


_Row = tuple[MediaFile, Mapping[str, Any]]


def _look(listing: Listing, classes: list[str], column: str) -> str:
    n_files = len(listing.files)
    said = f"{n_files:,} {column}{'s' if n_files != 1 else ''}"
    if classes:
        shown = ", ".join(classes[:5]) + (", …" if len(classes) > 5 else "")
        said += f" in {len(classes):,} class folders ({shown})"
    return said + (f"; files of other kinds: {listing.n_others:,}" if listing.n_others else "")


def _none_readable(title: str, column: str, intake: Intake) -> DataError:
    reasons = "; ".join(f"{reason} ({n_items:,})" for reason, n_items in intake.reasons.most_common(3))
    return DataError(f"{title} holds no {column} that can be read", found=reasons, action="Check what wrote the files")
