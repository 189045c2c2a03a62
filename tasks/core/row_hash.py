"""A 64-bit hash of each row that is the same for ever: whatever the library version, row order or column order.

Every value present is hashed with the name of its column, the hashes are added up (modulo 2^64), and the sum is
mixed with the seed. A missing value adds nothing. Numbers, truth values and moments (microseconds) hash as float64,
so an integer column that later turns into one of floats keeps its hashes; text and bytes hash as 8-byte words.
`mix` is the finaliser of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pyarrow as pa

Hashes = npt.NDArray[np.uint64]


def mix(values: Hashes) -> Hashes:
    """Each value as another 64-bit value, one to one, every bit depending on all bits."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def row_hashes(batch: pa.RecordBatch, columns: Iterable[str], seed: int) -> Hashes:
    """One hash a row, over the named columns."""
    total = np.zeros(batch.num_rows, np.uint64)
    for name in columns:
        total += value_hashes(batch.column(name), name)
    return mix(total ^ _salt(f"seed {seed}"))


def value_hashes(values: pa.Array[Any], name: str) -> Hashes:
    """One hash a value; 0 where it is missing, which NaN and infinities are too."""
    import pyarrow as pa

    if pa.types.is_string(values.type) or pa.types.is_binary(values.type):
        hashes = _of_bytes(values, _salt(name))
        present = np.asarray(values.is_valid())
    else:
        numbers = _numbers(values)
        present = np.isfinite(numbers)
        # Adding 0.0 turns -0.0, which equals 0.0 and has other bits, into it.
        hashes = mix((numbers + 0.0).view(np.uint64) ^ _salt(name))
    return np.where(present, hashes, np.uint64(0))


def _salt(name: str) -> np.uint64:
    return np.uint64(int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little"))


def _numbers(values: pa.Array[Any]) -> npt.NDArray[np.float64]:
    import pyarrow as pa

    if pa.types.is_date32(values.type):
        values = values.cast(pa.timestamp("us"))
    if pa.types.is_timestamp(values.type) or pa.types.is_boolean(values.type):
        values = values.cast(pa.int64())
    return values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)


def _of_bytes(values: pa.Array[Any], salt: np.uint64) -> Hashes:
    """FNV-like over the little-endian 8-byte words of each value, the last one padded with zeros."""
    _, offsets_buffer, data_buffer = values.buffers()
    n_rows = len(values)
    if n_rows == 0 or offsets_buffer is None:
        return np.zeros(n_rows, np.uint64)
    offsets = np.frombuffer(offsets_buffer, np.int32, n_rows + 1, offset=4 * values.offset).astype(np.int64)
    first, last = int(offsets[0]), int(offsets[-1])
    data = np.zeros(last - first + 8, np.uint8)
    if data_buffer is not None and last > first:
        data[:-8] = np.frombuffer(data_buffer, np.uint8, last - first, offset=first)
    # A word may begin at any byte, hence the view with steps of one byte.
    words = np.ndarray((len(data) - 7,), "<u8", data.data, strides=(1,))
    starts, lengths = offsets[:-1] - first, np.diff(offsets)
    hashes = mix(lengths.astype(np.uint64) ^ salt)
    rows = np.arange(n_rows)
    for at in range(0, int(lengths.max()), 8):
        rows = rows[lengths[rows] > at]
        n_left = np.minimum(lengths[rows] - at, 8).astype(np.uint64)
        word = words[starts[rows] + at] & (np.uint64(2**64 - 1) >> (np.uint64(64) - np.uint64(8) * n_left))
        hashes[rows] = mix(hashes[rows] ^ word)
    return hashes
