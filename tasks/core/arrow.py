"""The few Arrow types that rows have in keepfit, what each means, and batches of a size that the rows decide.

Integers are int64, other numbers float64, text is string, moments are timestamp[us] in UTC without a zone; bool,
date32 and binary stay. Row groups are cut by the schema alone, so equal rows give equal Parquet bytes whatever
file format, block size or thread they came by.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tasks.core.errors import DataError
from tasks.core.records import ColumnType

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

GROUP_BYTES = 64 << 20
GROUP_ROWS = 131_072

_TYPES: dict[str, ColumnType] = {
    "int64": "integer",
    "double": "number",
    "bool": "boolean",
    "string": "text",
    "date32[day]": "date",
    "timestamp[us]": "date",
    "binary": "binary",
    "uint64": "integer",  # __row__, __group__
    "uint8": "integer",  # __fold__
}
_BYTES: dict[ColumnType, int] = {"text": 64}
"""What a value is reckoned to take in memory; all others take 8. Bytes are counted."""


def column_type(arrow: pa.DataType) -> ColumnType:
    """What a column of this (normal) Arrow type holds."""
    return _TYPES[str(arrow)]


def normal_type(arrow: pa.DataType) -> pa.DataType | None:
    """The Arrow type that values of type `arrow` have in keepfit; None for what it does not hold (lists, structs)."""
    import pyarrow as pa
    from pyarrow import types

    if types.is_dictionary(arrow):
        return normal_type(arrow.value_type)
    if types.is_integer(arrow):
        return pa.int64()
    if types.is_floating(arrow) or types.is_decimal(arrow):
        return pa.float64()
    if types.is_timestamp(arrow):
        return pa.timestamp("us")
    if types.is_date(arrow):
        return pa.date32()
    if types.is_boolean(arrow):
        return arrow
    if types.is_string(arrow) or types.is_large_string(arrow) or types.is_string_view(arrow):
        return pa.string()
    if types.is_time(arrow) or types.is_null(arrow):
        return pa.string()
    if types.is_binary(arrow) or types.is_large_binary(arrow) or types.is_fixed_size_binary(arrow):
        return pa.binary()
    return None


def normal_schema(schema: pa.Schema, where: str) -> pa.Schema:
    """The schema in keepfit's types, without metadata; DataError for a column that cannot have one of them."""
    import pyarrow as pa

    fields: list[pa.Field[pa.DataType]] = []
    for field in schema:
        arrow = normal_type(field.type)
        if arrow is None:
            raise DataError(
                f"Column {field.name!r} of {where} cannot be read",
                expected="one number, text, date, truth value or bytes a row",
                found=f"{field.type}",
                action="Flatten the column, or leave it out of the file",
            )
        fields.append(pa.field(field.name, arrow))
    return pa.schema(fields)


def cast(batch: pa.RecordBatch, schema: pa.Schema, where: str) -> pa.RecordBatch:
    """The batch in the types of a normal schema, its columns taken by name."""
    import pyarrow as pa

    return pa.RecordBatch.from_arrays(
        [_cast(batch.column(field.name), field, where) for field in schema], schema=schema
    )


def _cast(values: pa.Array[pa.Scalar[pa.DataType]], field: pa.Field[pa.DataType], where: str):  # pyright: ignore
    import pyarrow as pa

    if values.type == field.type:
        return values
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    try:
        # A zone is kept as the moment in UTC. Nanoseconds may go; integers beyond 64 bits must not wrap around.
        return values.cast(field.type, safe=pa.types.is_integer(values.type))
    except pa.ArrowInvalid as exc:
        raise DataError(f"Column {field.name!r} of {where} does not fit {field.type}", found=str(exc)) from exc


def grouped(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The same rows in batches that follow from the rows alone, however they came.

    The schema says how many rows make one; a batch of images ends sooner, before the row that makes it too large.
    """
    import pyarrow as pa

    heavy = [field.name for field in schema if pa.types.is_binary(field.type)]
    width = sum(_BYTES.get(column_type(field.type), 8) for field in schema)
    n_rows = max(1, min(GROUP_ROWS, GROUP_BYTES // max(width, 1)))
    held: list[pa.RecordBatch] = []
    n_held = bytes_held = 0
    for batch in batches:
        ends = _ends(batch, heavy)
        at = 0
        while at < batch.num_rows:
            to = min(batch.num_rows, at + n_rows - n_held)
            if ends is not None:
                before = int(ends[at - 1]) if at else 0
                fitting = int(ends.searchsorted(GROUP_BYTES - bytes_held + before, side="right"))
                to = min(to, max(fitting, at if held else at + 1))
                bytes_held += int(ends[to - 1]) - before if to > at else 0
            if to > at:
                held.append(batch.slice(at, to - at))
                n_held, at = n_held + to - at, to
            if n_held == n_rows or at < batch.num_rows:
                yield pa.concat_batches(held) if len(held) > 1 else held[0]
                held, n_held, bytes_held = [], 0, 0
    if held:
        yield pa.concat_batches(held) if len(held) > 1 else held[0]


def _ends(batch: pa.RecordBatch, heavy: list[str]) -> np.ndarray[Any, np.dtype[np.int64]] | None:
    """Where each row ends when the bytes of all rows are laid end to end; None without columns of bytes."""
    import numpy as np

    if not heavy:
        return None
    sizes = [_sizes(batch.column(name)) for name in heavy]
    return np.cumsum(np.sum(sizes, axis=0, dtype=np.int64))


def _sizes(values: Any) -> Any:
    import pyarrow.compute as pc

    length: Any = pc.binary_length  # pyright: ignore[reportAttributeAccessIssue]  # made when pyarrow is imported
    return pc.fill_null(length(values), 0).to_numpy(zero_copy_only=False)
