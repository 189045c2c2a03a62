"""Logged values in the types of the source's columns; what does not fit is null."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from tasks.core.predictions.fitting import HASHED

if TYPE_CHECKING:
    import pyarrow as pa


def hashed(schema: pa.Schema) -> set[str]:
    """The logged columns that hold keyed hashes."""
    return {field.name for field in schema if HASHED in (field.metadata or {})}


def as_source(logged: pl.DataFrame, schema: pa.Schema, plain: Sequence[str], key: Sequence[str]) -> pl.DataFrame:
    """The source's columns, of which the `plain` ones are logged as they were sent, and the key is beside the row.

    Others are null; bytes are digests.
    """
    keys = _keys(logged, key)
    columns: list[pl.Series] = []
    for field in schema:
        values = logged[field.name] if field.name in plain else keys.get(field.name)
        if values is None:
            values = pl.repeat(None, logged.height, dtype=pl.String, eager=True)
        columns.append(fitted(values, field.type).alias(field.name))
    return pl.DataFrame(columns)


def fitted(values: pl.Series, kind: pa.DataType) -> pl.Series:
    """The values in the source's type; bytes stay digests."""
    if values.dtype == pl.Categorical:
        values = values.cast(pl.String)
    match str(kind):
        case "int64":
            numbers = values.cast(pl.Float64, strict=False)
            whole = pl.select(
                pl.when(numbers.floor() == numbers).then(numbers).cast(pl.Int64, strict=False)
            ).to_series()
            if values.dtype != pl.String:
                return whole
            exact = values.cast(pl.Int64, strict=False)  # beyond 2**53 a float would be another number
            return pl.select(pl.coalesce(exact, whole, _truth(values).cast(pl.Int64))).to_series()
        case "double":
            return values.cast(pl.Float64, strict=False)
        case "bool":
            return _truth(values)
        case "date32[day]":
            return _moments(values).dt.date()
        case "timestamp[us]":
            return _moments(values)
        case _:
            return _text(values)


def moment(asked: pl.Series, kind: pa.DataType) -> pl.Series:
    """When rows were asked, as a time of the source's type; null where its times are no dates."""
    if str(kind) in ("date32[day]", "timestamp[us]"):
        return fitted(asked.dt.replace_time_zone(None), kind)
    return fitted(pl.repeat(None, len(asked), dtype=pl.String, eager=True), kind)


def _keys(logged: pl.DataFrame, key: Sequence[str]) -> dict[str, pl.Series]:
    """The columns of the key, of which several are one JSON list in the log."""
    told = logged["__key__"]
    if len(key) == 1:
        return {key[0]: told}
    rows = [json.loads(text) if text and text.startswith("[") else [] for text in told]
    whole = [row if len(row) == len(key) else [None] * len(key) for row in rows]
    return {name: pl.Series([row[place] for row in whole], dtype=pl.String) for place, name in enumerate(key)}


def _truth(values: pl.Series) -> pl.Series:
    if values.dtype == pl.Boolean:
        return values
    words = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}
    return values.cast(pl.String).str.to_lowercase().replace_strict(words, default=None, return_dtype=pl.Boolean)


def _moments(values: pl.Series) -> pl.Series:
    if values.dtype == pl.String and values.null_count() < len(values):
        return values.str.to_datetime(time_unit="us", strict=False)
    return values.cast(pl.Datetime("us"), strict=False)


def _text(values: pl.Series) -> pl.Series:
    if not values.dtype.is_float():
        return values.cast(pl.String)
    whole = pl.when(values.floor() == values).then(values).cast(pl.Int64, strict=False).cast(pl.String)
    return pl.select(pl.coalesce(whole, values.cast(pl.String))).to_series()
