"""Blocks of JSON lines as Arrow tables, nested objects flattened to `a.b`; lines that are no object are told.

pyarrow parses a block when all its lines look like objects. When they do not, or it fails, the block is gone through
in Python: what is no object is told, and values of several types in a column become text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from tasks.core.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK = 16 << 20
DEPTH = 64
"""How deep objects may be nested. Far deeper ones, some ten thousand levels, crash pyarrow."""

Reject = Callable[[int, str, bytes], None]
"""Told the number of a line in its block, what is wrong with it, and the line."""


def blocks(stream: pa.NativeFile) -> Iterator[bytes]:
    """The stream in blocks of whole lines, at least one each; the last one may lack its line end."""
    rest = b""
    start = True
    while chunk := stream.read(BLOCK):
        if start:
            start, chunk = False, chunk.removeprefix(b"\xef\xbb\xbf")
        end = chunk.rfind(b"\n") + 1
        if end:
            yield rest + chunk[:end]
            rest = chunk[end:]
        else:
            # A line longer than a block: quadratic in its length, and there is seldom one.
            rest += chunk
    if rest:
        yield rest


def table_of(block: bytes, known: dict[str, pa.DataType], where: str, reject: Reject) -> pa.Table:
    """The block's objects as rows; `known` are the types of columns that are not to be inferred."""
    import pyarrow as pa

    n_lines = _lines_of_objects(block)
    if n_lines is not None:
        try:
            table = _parsed(block, known)
            if table.num_rows == n_lines:
                return _flat(table, where)
        except (pa.ArrowInvalid, UnicodeDecodeError):
            pass
    lines, rows = _sifted(block, reject)
    if not rows:
        return pa.table({})
    try:
        table = _parsed(b"\n".join(lines) + b"\n", known)
        if table.num_rows == len(rows):
            return _flat(table, where)
    except (pa.ArrowInvalid, UnicodeDecodeError):
        pass
    return _mixed(rows, known, where)


def _lines_of_objects(block: bytes) -> int | None:
    """How many lines there are, when each begins with `{`, ends with `}`, and nests no deeper than is safe."""
    import numpy as np

    signs = np.frombuffer(block if block.endswith(b"\n") else block + b"\n", np.uint8)
    ends = np.flatnonzero(signs == 0x0A)
    starts = np.concatenate([[0], ends[:-1] + 1])
    # A line end in front is stepped over; where the line is empty too, what is found there is no bracket.
    last = ends - 1 - (signs[ends - 1] == 0x0D)
    if not ((signs[starts] == 0x7B).all() and (signs[last] == 0x7D).all()):
        return None
    # Brackets in a line, those in texts too, are at least as many as it is deep.
    if np.count_nonzero(signs == 0x7B) + np.count_nonzero(signs == 0x5B) - len(ends) >= DEPTH:
        brackets = np.flatnonzero((signs == 0x7B) | (signs == 0x5B))
        if np.diff(np.searchsorted(brackets, ends), prepend=0).max() > DEPTH:
            return None
    return len(ends)


def _parsed(block: bytes, known: dict[str, pa.DataType]) -> pa.Table:
    import pyarrow as pa
    from pyarrow import json as pajson

    parse = pajson.ParseOptions(explicit_schema=pa.schema(list(known.items()))) if known else None
    size = 1 << 20
    while True:
        try:
            table = pajson.read_json(
                pa.BufferReader(block), pajson.ReadOptions(use_threads=False, block_size=size), parse
            )
            break
        except pa.ArrowInvalid as exc:
            if "straddling" not in str(exc) or size > len(block):
                raise
            size = min(size * 8, len(block) + 1)
    if not block.isascii():
        table.validate(full=True)
    return table


def _flat(table: pa.Table, where: str) -> pa.Table:
    import pyarrow as pa

    while any(pa.types.is_struct(kind) for kind in table.schema.types):
        table = table.flatten()
    names = table.column_names
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{where} has two columns {twice!r}", expected="a key `a.b` or a `b` within `a`, not both")
    return table


def _sifted(block: bytes, reject: Reject) -> tuple[list[bytes], list[dict[str, Any]]]:
    """The lines that are objects, and these; the others are told. Blank lines are none."""
    lines: list[bytes] = []
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(block.split(b"\n")):
        if not (line := line.strip()):
            continue
        try:
            rows.append(_object(line))
            lines.append(line)
        except UnicodeError:
            reject(number, "not text in UTF-8", line)
        except RecursionError:
            reject(number, f"nested more than {DEPTH} deep", line)
        except ValueError as exc:
            reject(number, str(exc) if type(exc) is ValueError else "not a JSON object", line)
    return lines, rows


def _object(line: bytes) -> dict[str, Any]:
    found = json.loads(line.decode(), object_pairs_hook=_once)
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    if line.count(b"{") + line.count(b"[") > DEPTH and _depth(found) > DEPTH:
        raise RecursionError
    if b"\\ud" in line or b"\\uD" in line:
        json.dumps(found, ensure_ascii=False).encode()  # half a pair of characters is no text
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is there twice")
    return found


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0


def _mixed(rows: list[dict[str, Any]], known: dict[str, pa.DataType], where: str) -> pa.Table:
    """The rows as a table when their values differ in type: numbers, or else text, hold them all."""
    import pyarrow as pa

    flat = [dict(_leaves(row, where)) for row in rows]
    names = dict.fromkeys(name for row in flat for name in row)
    return pa.table({name: _column([row.get(name) for row in flat], known.get(name)) for name in names})


def _leaves(row: dict[str, Any], where: str, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in row.items():
        if isinstance(value, dict):
            yield from _leaves(value, where, f"{prefix}{key}.")
        elif isinstance(value, list):
            raise refused_list(f"{prefix}{key}", where)
        else:
            yield f"{prefix}{key}", value


def _column(values: list[Any], known: pa.DataType | None) -> pa.Array:
    import pyarrow as pa

    kinds = {type(value) for value in values if value is not None}
    if not kinds and known is None:
        return pa.nulls(len(values))
    if kinds <= {int, float} and (known is None or not pa.types.is_string(known)):
        if float in kinds or any(value is not None and not -(2**63) <= value < 2**63 for value in values):
            return pa.array([None if value is None else float(value) for value in values], pa.float64())
        return pa.array(values, pa.int64())
    if kinds == {bool} and known is None:
        return pa.array(values, pa.bool_())
    texts = pa.array([v if v is None or isinstance(v, str) else json.dumps(v) for v in values], pa.string())
    try:
        return texts.cast(pa.timestamp("us")) if kinds == {str} and known is None else texts
    except pa.ArrowInvalid:
        return texts


def refused_list(name: str, where: str) -> DataError:
    """That a column holds lists."""
    return DataError(
        f"Column {name!r} of {where} cannot be read",
        expected="one number, text, date or truth value a row",
        found="a list",
        action="Write its items as keys of their own, or leave it out",
    )
