"""Arrow columns out of a body as a polars frame: proven to be sound, of types that mean a value, and not too large."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tasks.serving.refusal import Refusal

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

MOST_DECODED = 256 * 2**20
"""Bytes of all columns once they are decoded."""
MOST_COLUMNS = 10_000


def frame_of(table: pa.Table) -> pl.DataFrame:
    """The columns of a table that came in a request. Raises Refusal, which names the column that cannot be taken."""
    import polars as pl
    import pyarrow as pa

    if table.num_columns > MOST_COLUMNS:
        raise Refusal(422, "Too many columns", expected=f"at most {MOST_COLUMNS:,}", found=f"{table.num_columns:,}")
    with malformed("the columns of a table"):
        table.validate(full=True)  # what reads Arrow believes it: a wrong offset would end the process
    names = table.schema.names
    found: list[pl.Series] = []
    left = MOST_DECODED
    # A PanicException is no Exception: polars raises it of data that it did not expect.
    polars_errors = (pl.exceptions.PolarsError, pl.exceptions.PanicException)
    for index, name in enumerate(names):
        column = table.column(index)
        try:
            if (left := left - _decoded_size(column)) < 0:
                raise too_large(MOST_DECODED)
            values = _plain(column)
            found.append(pl.Series(pl.from_arrow(values)).alias(str(index)))
        except (pa.ArrowException, *polars_errors, NotImplementedError, ValueError, TypeError) as exc:
            raise Refusal(
                422,
                f"The column “{name[:100]}” cannot be read",
                field=name,
                expected="numbers, texts, truth values, dates or bytes",
                found=f"{column.type}: {exc}"[:200],
                action="Send another type, or leave the column out if the model does not take it.",
            ) from exc
    duplicated = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if duplicated is not None:
        raise Refusal(422, f"The column “{duplicated[:100]}” is there twice", field=duplicated, action="Leave one out.")
    frame = pl.DataFrame(found) if found else pl.DataFrame(height=table.num_rows)
    return frame.rename(dict(zip(frame.columns, names, strict=True)))


@contextmanager
def malformed(what: str) -> Iterator[None]:
    """Raises a Refusal for whatever the libraries raise of bytes that are not what they should be."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError, IndexError, struct.error) as exc:
        raise Refusal(
            400,
            f"The body is not {what}",
            expected=f"{what}, whole and as it is",
            found=str(exc).partition("\n")[0][:200] or type(exc).__name__,
            action="Look whether it was cut off, or sent with another content type.",
        ) from exc
    except MemoryError as exc:
        raise too_large(MOST_DECODED) from exc


def nested(name: str) -> Refusal:
    """That a column holds lists or structures."""
    return Refusal(
        422,
        f"The column “{name[:100]}” cannot be read",
        field=name,
        expected="numbers, texts, truth values, dates or bytes",
        found="several values in one",
        action="Make a column of each.",
    )


def too_large(most: int) -> Refusal:
    """That the columns would take more memory than they may."""
    return Refusal(
        413,
        "The rows are too large",
        expected=f"at most {most // 2**20} MiB when they are decoded",
        action="Send them in several requests, or use `keepfit predict` for a file.",
    )


def _plain(column: pa.ChunkedArray) -> Any:
    """The values in a type that polars reads without a guess: moments as microseconds in UTC, no dictionaries."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as types

    if types.is_dictionary(column.type):
        value_type = column.type.value_type
        if types.is_string_view(value_type) or types.is_binary_view(value_type):
            # Arrow cannot cast dictionaries of views.
            value_type = pa.large_string() if types.is_string_view(value_type) else pa.large_binary()
            parts = [(each.indices, each.dictionary.cast(value_type)) for each in column.chunks]
            coded = pa.dictionary(column.type.index_type, value_type)
            column = pa.chunked_array([pa.DictionaryArray.from_arrays(*part) for part in parts], coded)
        column = column.cast(value_type)
    kind = column.type
    if types.is_timestamp(kind) or types.is_date64(kind):
        options = pc.CastOptions(pa.timestamp("us", getattr(kind, "tz", None)), allow_time_truncate=True)
        return column.cast(options=options).cast(pa.int64()).cast(pa.timestamp("us"))
    if types.is_decimal(kind):
        return column.cast(pa.float64())
    if types.is_float16(kind):
        return column.cast(pa.float32())
    is_text = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
    is_bytes = types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind)
    if is_text or is_bytes:
        return column
    if not (types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or types.is_null(kind)):
        if types.is_date32(kind):
            return column
        raise TypeError("no single value")
    return column


def _decoded_size(column: pa.ChunkedArray) -> int:
    """Bytes of the values when each is there by itself: a dictionary or a view may name a long text again and again."""
    import pyarrow.types as types

    size = 0
    for chunk in column.chunks:
        if types.is_dictionary(chunk.type):
            lengths = _lengths(chunk.dictionary)
            size += 8 * len(chunk)
            size += 0 if lengths is None else int(lengths[chunk.indices.drop_null().to_numpy()].sum())
        else:
            lengths = _lengths(chunk)
            size += chunk.nbytes if lengths is None else 8 * len(chunk) + int(lengths.sum())
    return size


def _lengths(array: Any) -> Any:
    """The length of each text or bytes; None for values of one size."""
    import numpy as np
    import pyarrow.compute
    import pyarrow.types as types

    pc: Any = pyarrow.compute  # its functions are made when it is imported
    kind = array.type
    if types.is_string_view(kind) or types.is_binary_view(kind):
        views = np.frombuffer(array.buffers()[1] or b"", np.int32)[::4]  # a view of 16 bytes begins with its length
        return views[array.offset : array.offset + len(array)].astype(np.int64).clip(0)
    if types.is_string(kind) or types.is_large_string(kind) or types.is_binary(kind) or types.is_large_binary(kind):
        return pc.binary_length(array).fill_null(0).to_numpy().astype(np.int64)
    if types.is_nested(kind) or types.is_dictionary(kind) or types.is_run_end_encoded(kind):
        raise TypeError("no single value")
    return None
