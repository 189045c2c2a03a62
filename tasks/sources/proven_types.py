"""The Arrow type of each column once every value was seen, and batches of rows in these types.

JSON says which values are numbers, and these stay what they are; CSV does not, so each cell is looked at. Text is a
date or moment when every value of the column is. What has no common type is text, each value as JSON writes it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from tasks.core.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

MOST_COLUMNS = 10_000

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d+)?)?(Z|[+-]\d\d(:?\d\d)?)?")
_WHOLE = re.compile(r"[+-]?\d{1,19}")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_TRUTH = {text: text.lower() == "true" for text in ("true", "True", "TRUE", "false", "False", "FALSE")}


def kind_of(value: Any) -> str:
    """What a JSON value is; a whole number beyond 64 bits can be kept as text alone."""
    if isinstance(value, str):
        return _kind_of_text(value)
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int" if -(2**63) <= value < 2**63 else "text"
    return "float"


def kind_of_cell(cell: str) -> str:
    """What a cell of a CSV text can be read as."""
    if _WHOLE.fullmatch(cell):
        return kind_of(int(cell))
    if _NUMBER.fullmatch(cell):
        return "float"
    return "bool" if cell in _TRUTH else _kind_of_text(cell)


def _kind_of_text(text: str) -> str:
    # Only what begins as a year is looked at closer: most text is none.
    if not (10 <= len(text) <= 40 and text[4] == "-" and text[:4].isdigit()):
        return "text"
    kind = "date" if _DATE.fullmatch(text) else "moment" if _MOMENT.fullmatch(text) else "text"
    try:
        if kind != "text":
            (_moment if kind == "moment" else date.fromisoformat)(text)
    except (ValueError, OverflowError):
        return "text"
    return kind


def schema_of(kinds: Mapping[str, Iterable[str]], known: pa.Schema | None, title: str) -> pa.Schema:
    """The columns with the narrowest types that hold all kinds of values they have; `known` ones as they are."""
    import pyarrow as pa

    # An object that is null in some rows leaves an empty column beside those of its parts.
    parents = {name[:at] for name in kinds for at, sign in enumerate(name) if sign == "."}
    found = {name: frozenset(of) for name, of in kinds.items() if of or name not in parents}
    if len(found) > MOST_COLUMNS:
        raise DataError(
            f"The records of {title} have too many fields",
            expected=f"at most {MOST_COLUMNS:,} columns",
            found=f"{len(found):,}, such as {list(found)[-1]!r}",
            action="Objects whose keys are data cannot be flattened: ask the API for a list, or name other `records`",
        )
    if known is None:
        return pa.schema([(name, _type(of)) for name, of in found.items()])
    types = {field.name: field.type for field in known}
    for name, of in found.items():
        if of and (name not in types or not of <= _held(types[name])):
            raise DataError(
                f"The new rows of {title} differ from those collected before in column {name!r}",
                expected=str(types[name]) if name in types else "no such column",
                found=str(_type(of)),
                action="Correct what wrote them, or collect everything again with `keepfit train --recollect`",
            )
    return known


def _type(kinds: frozenset[str]) -> pa.DataType:
    import pyarrow as pa

    order = (pa.bool_(), pa.int64(), pa.float64(), pa.date32(), pa.timestamp("us"))
    return next((arrow for arrow in order if kinds and kinds <= _held(arrow)), pa.string())


def _held(arrow: pa.DataType) -> frozenset[str]:
    """The kinds of values that a column of this type takes without loss."""
    kinds = {
        "bool": ("bool",),
        "int64": ("int",),
        "double": ("int", "float"),
        "date32[day]": ("date",),
        "timestamp[us]": ("date", "moment"),
        "string": ("bool", "int", "float", "date", "moment", "text"),
    }
    return frozenset(kinds.get(str(arrow), ()))


def _moment(value: str) -> datetime:
    moment = datetime.fromisoformat(value)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


_READERS: dict[str, Callable[[Any], Any]] = {
    "bool": lambda value: _TRUTH[value] if isinstance(value, str) else value,
    "int64": int,
    "double": float,
    "date32[day]": date.fromisoformat,
    "timestamp[us]": _moment,
    "string": lambda value: value if isinstance(value, str) else json.dumps(value),
}


def reader(arrow: pa.DataType) -> Callable[[Any], Any]:
    """What makes of a value that is there one of this type."""
    return _READERS[str(arrow)]


def batch(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.RecordBatch:
    """The rows as one batch; what a row does not have is missing."""
    import pyarrow as pa

    arrays: list[Any] = []
    for field in schema:
        read, values = reader(field.type), (row.get(field.name) for row in rows)
        arrays.append(pa.array([None if value is None else read(value) for value in values], field.type))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
