"""Rows of a database as Arrow columns, in the types of their values or in those that the database tells."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from tasks.core import arrow
from tasks.core.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa


def batch(rows: Sequence[Sequence[object]], names: Sequence[str], known: pa.Schema | None = None) -> pa.RecordBatch:
    """The rows in the types that the database tells, or else of their values: then a column without any is null."""
    import pyarrow as pa

    columns = zip(*rows, strict=True)
    if known is None:
        arrays = [_array(values, name) for name, values in zip(names, columns, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, names=list(names))
    arrays = [_told(values, field) for field, values in zip(known, columns, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=known)


def _told(values: Sequence[Any], field: pa.Field[pa.DataType]) -> Any:
    import pyarrow as pa

    if not pa.types.is_string(field.type):
        found = _array(values, field.name)
        return found.cast(field.type) if found.type != field.type else found
    try:
        return pa.array(values, field.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # json, arrays, uuid, intervals, addresses
        return pa.array([_text(value) for value in values], field.type)


def _array(values: Sequence[Any], name: str) -> Any:
    import pyarrow as pa

    try:
        found = pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        return _mixed(values, name)
    if pa.types.is_null(found.type):
        return found
    normal = None if isinstance(found.type, pa.BaseExtensionType) else arrow.normal_type(found.type)
    if normal is None or pa.types.is_time(found.type):
        return pa.array([_text(value) for value in values], pa.string())
    return found.cast(normal, safe=False) if found.type != normal else found


def _mixed(values: Sequence[Any], name: str) -> Any:
    """What Arrow finds no type for: decimals that are not numbers, whole numbers beyond 64 bits, or a mixture."""
    import pyarrow as pa

    kinds = {type(value).__name__ for value in values if value is not None}
    if "Decimal" in kinds and kinds <= {"Decimal", "float", "int"}:
        return pa.array([None if value is None else float(value) for value in values])
    if "bytes" in kinds and len(kinds) > 1:
        raise mixes_bytes(name, kinds)
    return pa.array([_text(value) for value in values], pa.string())


def mixes_bytes(name: str, kinds: Iterable[str]) -> DataError:
    """The error for a column in which bytes stand beside what is none."""
    return DataError(
        f"Column {name!r} mixes bytes with other values",
        expected="values of one type",
        found=" and ".join(sorted(kinds)),
        action="Cast the column in the query",
    )


def _text(value: Any) -> str | None:
    if isinstance(value, str) or value is None:
        return value
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, dict | list | bool) else str(value)
