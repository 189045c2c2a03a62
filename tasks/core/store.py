"""Where everything that keepfit knows lies on disk: the folder of its state, and in it files named by their content.

    store/ab/ab12….parquet    blobs: Parquet parts, models, reports; never changed once written
    memory/<step>/<key>.json  the record that a step returned for a key (`core/memory.py`)

A file is written under a temporary name, synced and renamed, so a kill leaves either all of it or nothing.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.core.errors import KeepfitError
from tasks.core.pending import Pending, place
from tasks.core.records import Blob, Column, Dataset, Part

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

_HOME: ContextVar[Path] = ContextVar("keepfit_home")
_ROOTS = (".keepfit", ".git", "prefect.yaml")

ROWS_PER_PART = 1_000_000


def home_of(project: Path) -> Path:
    """The folder of keepfit's state for a project: `KEEPFIT_HOME`, or `.keepfit` at the root it belongs to."""
    if named := os.environ.get("KEEPFIT_HOME"):
        return Path(named).expanduser().absolute()
    return root_of(project) / ".keepfit"


def root_of(project: Path) -> Path:
    """The nearest folder, from the project's own upwards, that has a `.keepfit`, a `.git` or a `prefect.yaml`.

    Failing that, the project's folder.
    """
    folder = project.absolute()
    for candidate in (folder, *folder.parents):
        if any((candidate / root).exists() for root in _ROOTS):
            return candidate
    return folder


@contextmanager
def opened(home: Path) -> Iterator[Path]:
    """Make `home` the store of this context; the steps called within find it by themselves."""
    for folder in ("store", "memory"):
        (home / folder).mkdir(parents=True, exist_ok=True)
    token = _HOME.set(home)
    try:
        yield home
    finally:
        _HOME.reset(token)


def home() -> Path:
    """The open store's folder."""
    try:
        return _HOME.get()
    except LookupError:
        raise KeepfitError("No store is open", action="Call within `with store.opened(home):`") from None


def path(blob: Blob) -> Path:
    """Where the blob's bytes lie."""
    return place(home() / "store", blob)


@contextmanager
def writing(suffix: str) -> Iterator[Pending]:
    """A `Pending` file that is discarded unless it was kept."""
    pending = Pending(home() / "store", suffix)
    try:
        yield pending
    finally:
        pending.discard()


def put(data: bytes, suffix: str) -> Blob:
    """Store the bytes."""
    with writing(suffix) as pending:
        pending.file.write(data)
        return pending.keep()


def put_table(table: pa.Table | pl.DataFrame) -> Blob:
    """Store a table as one Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrow = table if isinstance(table, pa.Table) else table.to_arrow()
    with writing(".parquet") as pending:
        pq.write_table(arrow, pending.file, compression="zstd")  # pyright: ignore[reportArgumentType]
        return pending.keep()


def put_parts(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> tuple[Part, ...]:
    """Store a stream of record batches as Parquet parts of about a million rows; memory stays at one row group.

    There is at least one part, so that an empty stream keeps its schema.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    # Numbers seldom come again; to look for that in each takes a fifth of the time.
    texts = [field.name for field in schema if pa.types.is_string(field.type)]
    parts: list[Part] = []
    stream = iter(batches)
    exhausted = False
    while not exhausted:
        n_rows = 0
        with writing(".parquet") as pending:
            with pq.ParquetWriter(pending.file, schema, compression="zstd", use_dictionary=texts) as writer:  # pyright: ignore
                exhausted = True
                for batch in stream:
                    writer.write_batch(batch)
                    n_rows += batch.num_rows
                    if n_rows >= ROWS_PER_PART:
                        exhausted = False
                        break
            if n_rows or not parts:
                parts.append(Part(blob=pending.keep(), n_rows=n_rows))
    return tuple(parts)


def dataset(name: str, parts: tuple[Part, ...], columns: tuple[Column, ...]) -> Dataset:
    """The record of these parts, with the digest that stands for all of their rows."""
    digest = hashlib.sha256("".join(part.blob.digest for part in parts).encode()).hexdigest()
    return Dataset(name=name, parts=parts, digest=digest, n_rows=sum(part.n_rows for part in parts), columns=columns)


def schema(dataset: Dataset) -> pa.Schema:
    """The Arrow types of the data set's columns."""
    import pyarrow.parquet as pq

    return pq.read_schema(path(dataset.parts[0].blob))


def scan(dataset: Dataset) -> pl.LazyFrame:
    """The data set's rows as a lazy polars frame, in order."""
    import polars as pl

    return pl.scan_parquet([path(part.blob) for part in dataset.parts])


def batches(
    dataset: Dataset, columns: list[str] | None = None, rows: int = 131_072, repeated: list[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """The data set's rows as record batches of at most `rows` rows, in order; fewer where bytes make them large.

    Columns of `repeated` texts come as dictionaries, which takes half the time.
    """
    import pyarrow.parquet as pq

    for part in dataset.parts:
        with pq.ParquetFile(path(part.blob), read_dictionary=repeated) as file:
            # A row group of images is as large as memory should hold, and a batch would reach over several.
            heavy = "binary" in {str(field.type) for field in file.schema_arrow if not columns or field.name in columns}
            groups = [[i] for i in range(file.num_row_groups)] if heavy else [None]
            for group in groups:
                yield from file.iter_batches(batch_size=rows, row_groups=group, columns=columns)


def write_file(target: Path, data: bytes) -> None:
    """Write a file that a kill leaves either as it was or whole."""
    handle, name = tempfile.mkstemp(prefix=".writing-", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
