"""What of a row is logged: a column as it is, as a keyed hash, or not at all; images and sounds as digests.

A hash is HMAC-SHA256 with a key that never leaves the home: equal values have equal hashes, so they can be counted
and joined, but nobody without the key can find the value by trying.
"""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tasks.core.errors import DataError, ProjectError
from tasks.core.nearest import perhaps
from tasks.core.predictions import media
from tasks.core.predictions.layout import private, root_of
from tasks.core.predictions.moments import naive
from tasks.core.records import BYTES, Column

if TYPE_CHECKING:
    import pyarrow as pa

Logged = Literal["keep", "hash", "drop"]
Row = tuple[Any, ...]
MaskRow = Callable[[Row], Row]
MaskBatch = Callable[["pa.RecordBatch"], "pa.RecordBatch"]

HASH_LENGTH = 32  # hex digits: 128 bits, of which no two are equal by chance


def home_key(home: Path) -> bytes:
    """The secret of a home that hashes are made with, made when it is first asked for."""
    path = root_of(home) / ".key"
    if not path.exists():
        private(path.parent)
        new = path.with_name(f".key-{secrets.token_hex(8)}")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, secrets.token_bytes(32))
            os.fsync(descriptor)
            os.link(new, path)  # unlike a rename it leaves the key of whoever was faster
        except FileExistsError:
            pass
        finally:
            os.close(descriptor)
            new.unlink()
    key = path.read_bytes()
    if len(key) != 32:
        raise DataError(
            f"The key of the prediction log in {path} is damaged",
            expected="32 bytes",
            found=f"{len(key)}",
            action="Restore it from a backup; if there is none, remove it: new hashes will not equal older ones",
        )
    return key


def masker(
    columns: Sequence[Column], treatment: Mapping[str, Logged], key: bytes, folder: Path, sync: bool = False
) -> tuple[tuple[Column, ...], MaskRow | None, MaskBatch | None]:
    """The columns that are logged, and what makes a logged row of a row, and a logged batch of a batch.

    The functions are None when rows are logged as they are. Images and sounds are kept in the project's `folder`, on
    the disk itself where `sync` says so, and the functions may raise NotLogged. A batch's columns that are no inputs
    (`__prediction__`) stay.
    """
    names = [column.name for column in columns]
    for name in treatment:
        if name not in names:
            action = perhaps(name, names, "Leave it out")
            raise ProjectError(f"The column {name!r} cannot be logged", expected="an input of the model", action=action)
    plan: list[tuple[int, Callable[[Any], str] | None]] = []
    logged: list[Column] = []
    for index, column in enumerate(columns):
        how = treatment.get(column.name, "keep")
        if how == "drop":
            continue
        hashed, kept = how == "hash", column.type in BYTES
        plan.append(
            (index, partial(_hash, key) if hashed else partial(media.keep, folder, sync=sync) if kept else None)
        )
        logged.append(column.model_copy(update={"type": "text", "missing_values": ()}) if hashed else column)
    if len(plan) == len(names) and not any(mask for _, mask in plan):
        return tuple(columns), None, None

    def row(values: Row) -> Row:
        return tuple(
            [values[i] if mask is None or values[i] is None else mask(values[i]) for i, mask in plan]  # faster so
        )

    def batch(rows: pa.RecordBatch) -> pa.RecordBatch:
        masks = {names[i]: mask for i, mask in plan}
        kept = [name for name in rows.schema.names if name in masks or name not in names]
        arrays = [_masked(rows.column(name), masks.get(name)) for name in kept]
        import pyarrow as pa

        return pa.RecordBatch.from_arrays(arrays, names=kept)

    return tuple(logged), row, batch


def hashed(values: Any, key: bytes) -> Any:
    """An array with each value as the log has it of a column that is hashed."""
    return _masked(values, partial(_hash, key))


def digests(values: Any) -> Any:
    """An array of bytes as the log has it: each as the SHA-256 of its bytes."""
    return _masked(values, lambda value: sha256(value).hexdigest())


def _masked(values: Any, mask: Callable[[Any], str] | None) -> Any:
    """An array with each distinct value masked once."""
    import pyarrow as pa

    if mask is None:
        return values
    coded = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
    masked = [None if value is None else mask(value) for value in coded.dictionary.to_pylist()]
    return pa.array(masked, pa.string()).take(coded.indices)


def _hash(key: bytes, value: Any) -> str:
    return hmac.digest(key, _bytes_of(value), "sha256").hex()[:HASH_LENGTH]


def _bytes_of(value: Any) -> bytes:
    """The value as bytes, the same for each way in which it may come: 3 and 3.0, a day and its midnight."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    elif isinstance(value, date):
        moment = value if isinstance(value, datetime) else datetime.combine(value, time())
        value = naive(moment).isoformat()
    return str(value).encode(errors="replace")
