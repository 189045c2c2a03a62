"""The Arrow types of logged rows, and values in the types of their columns; a value that does not fit is null."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tasks.core.predictions.moments import microseconds
from tasks.core.predictions.segment import Header
from tasks.core.records import ColumnType

if TYPE_CHECKING:
    import pyarrow as pa

TYPE = b"keepfit.type"
"""The metadata of a logged column that says which type of column it is; one of images holds digests as text."""
HASHED = b"keepfit.hashed"
"""The metadata of a logged column that holds keyed hashes of the values that were sent."""


def schema_of(header: Header) -> pa.Schema:
    """The Arrow schema of the rows of a segment."""
    import pyarrow as pa

    word = pa.dictionary(pa.int32(), pa.string())
    number = pa.float64()
    types: dict[ColumnType, pa.DataType] = {"number": number, "integer": number, "boolean": pa.bool_()}
    types["date"] = pa.timestamp("us")
    system: list[tuple[str, pa.DataType]] = [
        ("__id__", pa.string()),
        ("__time__", pa.timestamp("us", "UTC")),
        ("__version__", word),
        ("__digest__", word),
        ("__role__", word),
        ("__latency_us__", pa.int64()),
        ("__key__", pa.string()),
        ("__prediction__", number if header.problem == "regression" else pa.string()),
        ("__outputs__", pa.list_(number)),
    ]
    fields = [pa.field(name, kind) for name, kind in system]
    for column in header.columns:
        kind = types.get(column.type, pa.string())
        hashed = {HASHED: b"yes"} if column.name in header.hashed else {}
        fields.append(pa.field(column.name, kind, metadata={TYPE: column.type, **hashed}))
    return pa.schema(fields)


def fitted(value: Any, kind: ColumnType) -> Any:
    """The value in its column's type; None when it has none."""
    if value is None or kind == "date":
        return value
    if kind in ("number", "integer"):
        return float(value) if isinstance(value, int | float) else None
    if kind == "boolean":
        return value if isinstance(value, bool) else None
    return hashlib.sha256(value).hexdigest() if isinstance(value, bytes) else str(value)


def array(values: tuple[Any, ...], kind: pa.DataType) -> Any:
    """The values of a column as an array of its type."""
    import pyarrow as pa

    if not pa.types.is_timestamp(kind):
        return pa.array(values, kind)
    if not all(value is None or type(value) is int for value in values):
        values = tuple(map(_microseconds, values))
    return pa.array(values, pa.int64()).cast(kind)


def _microseconds(value: Any) -> int | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        return microseconds(value)
    return value if type(value) is int else None


def cast(values: Any, kind: pa.DataType, n_rows: int) -> Any:
    """An array in another type; nulls where there is none, or where it cannot be cast."""
    import pyarrow as pa

    if values is None:
        return pa.nulls(n_rows, kind)
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if values.type == kind:
        return values
    if pa.types.is_binary(values.type) or pa.types.is_large_binary(values.type):
        return pa.array([fitted(value, "binary") for value in values.to_pylist()], pa.string())
    try:
        return values.cast(kind, safe=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.nulls(n_rows, kind)
