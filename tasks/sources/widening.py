"""One schema over all rows of a database that does not tell the types of its columns, or in which a value has its own.

The rows go into a file as they come, and the types that hold every value are known when they are read from it. Whole
numbers give way to numbers, and these to text; texts that are all dates are dates, for SQLite has no others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.core import arrow
from tasks.core.errors import DataError
from tasks.sources.fetched import mixes_bytes

if TYPE_CHECKING:
    import pyarrow as pa


class Spool:
    """Rows in a file, each batch with types of its own, which are read once with the types that hold all of them.

    `declared` are the types that the columns are said to have; they decide where the values leave it open.
    """

    def __init__(self, batches: Iterable[pa.RecordBatch], declared: pa.Schema, file: Path) -> None:
        import pyarrow as pa

        self._file = file
        self._types: dict[str, pa.DataType] = {}
        self._dates: dict[str, pa.DataType] = {}
        numbers: set[str] = set()
        with pa.OSFile(str(file), "wb") as sink:
            for found in batches:
                for name, values in zip(found.schema.names, found.columns, strict=True):
                    self._types[name] = _wider(self._types.get(name, pa.null()), values.type, name)
                    if pa.types.is_string(values.type) and self._dates.get(name) != pa.string():
                        self._dates[name] = _wider(self._dates.get(name, pa.null()), _date_type(values))
                    if not _are_truths(values):
                        numbers.add(name)
                # A stream of its own a batch: the next one may have other types.
                with pa.ipc.new_stream(sink, found.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as out:
                    out.write_batch(found)
        meant = {field.name: field.type for field in declared}
        self.schema = pa.schema(
            [(name, self._type(name, meant.get(name, pa.string()), name not in numbers)) for name in self._types]
        )

    def _type(self, name: str, meant: pa.DataType, are_truths: bool) -> pa.DataType:
        import pyarrow as pa

        found = self._types[name]
        if pa.types.is_null(found) or (are_truths and pa.types.is_boolean(meant)):
            return meant
        if pa.types.is_string(found):
            return arrow.normal_type(self._dates[name]) or found if name in self._dates else found
        return found

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows in order; the file is gone behind the last one."""
        import pyarrow as pa

        try:
            with pa.OSFile(str(self._file), "rb") as source:
                while source.tell() < source.size():
                    for found in pa.ipc.open_stream(source):
                        arrays = [
                            _cast(found.column(field.name), field.type, self._dates.get(field.name))
                            for field in self.schema
                        ]
                        yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)
        finally:
            self._file.unlink(missing_ok=True)


def fitted(found: pa.RecordBatch, schema: pa.Schema, title: str) -> pa.RecordBatch:
    """The batch with the columns of the rows before it; DataError for a value that would not be the same in them."""
    import pyarrow as pa

    names = found.schema.names
    for name in {**dict.fromkeys(schema.names), **dict.fromkeys(names)}:
        if name not in names or name not in schema.names or not _holds(schema.field(name).type, found.column(name)):
            raise DataError(
                f"The new rows of {title} differ from those collected before in column {name!r}",
                expected=str(schema.field(name).type) if name in schema.names else "no such column",
                found=str(found.column(name).type) if name in names else "no such column",
                action="Correct what wrote them, or collect everything again with `keepfit train --recollect`",
            )
    columns = [(found.column(field.name), field.type) for field in schema]
    arrays = [_cast(values, kind, _date_type(values)) for values, kind in columns]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _holds(kind: pa.DataType, values: Any) -> bool:
    import pyarrow as pa

    if pa.types.is_boolean(kind):
        return pa.types.is_boolean(values.type) or _are_truths(values)
    if pa.types.is_string(values.type) and not pa.types.is_string(kind):
        read = arrow.normal_type(_date_type(values))
        return not pa.types.is_string(read) and read is not None and _wider(kind, read) == kind
    return _wider(kind, values.type) == kind


def _wider(one: pa.DataType, other: pa.DataType, name: str = "") -> pa.DataType:
    """The narrowest type that holds the values of both."""
    import pyarrow as pa

    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    pair = {str(one), str(other)}
    if pair == {"int64", "double"}:
        return pa.float64()
    if pair == {"date32[day]", "timestamp[us]"}:
        return pa.timestamp("us")
    if name and "binary" in pair:
        raise mixes_bytes(name, pair)
    return pa.string()


def _date_type(values: Any) -> pa.DataType:
    """The type of date that all of the texts can be read as; text when there is none."""
    import pyarrow as pa

    if pa.types.is_string(values.type):
        for kind in (pa.date32(), pa.timestamp("us"), pa.timestamp("us", "UTC")):
            try:
                # A cast that fails goes on to the end before it says so: the first values tell it cheaply.
                values.slice(0, 64).cast(kind)
                values.cast(kind)
            except pa.ArrowInvalid:
                continue
            return kind
    return pa.string()


def _are_truths(values: Any) -> bool:
    """Whether these may be truth values of a database that has none: 0 and 1 alone, or nothing."""
    import pyarrow as pa

    if not pa.types.is_int64(values.type):
        return pa.types.is_null(values.type)
    return all(value in (0, 1, None) for value in values.unique().slice(0, 4).to_pylist())


def _cast(values: Any, kind: pa.DataType, date: pa.DataType | None) -> Any:
    import pyarrow as pa

    if pa.types.is_string(values.type) and not pa.types.is_string(kind):
        values = values.cast(date or kind)
    return values.cast(kind, safe=not pa.types.is_timestamp(kind)) if values.type != kind else values
