"""The float64 matrix that every model sees: from a frame all rows at once, or from one mapping a single row.

One column a feature, in order. Number: its value. Boolean: 0 or 1. Category: its position in `feature.levels`, -1
when it is none of them. Date: days since 1970-01-01 in UTC, a time of day as a fraction. Missing is NaN everywhere:
None, NaN, an infinite number, an empty text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tasks.core.errors import DataError
from tasks.core.nearest import perhaps
from tasks.core.records import Feature
from tasks.core.values import (
    DAYS_A_MICROSECOND,
    MICROSECONDS_A_DAY,
    MISSING,
    UNSEEN,
    days,
    encoder,
    number_codes,
    text_codes,
    truth_codes,
    wrong_type,
)

if TYPE_CHECKING:
    import numpy as np
    import polars as pl


def matrix(frame: pl.DataFrame, features: Sequence[Feature]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The frame's rows as float64 (n_rows, n_features); DataError for a column that is absent or of another type."""
    import numpy as np
    import polars as pl

    if not features:
        return np.empty((frame.height, 0))
    schema = dict(frame.schema)
    encoded = frame.select(_column(frame, schema, feature).cast(pl.Float64) for feature in features)
    return encoded.fill_null(MISSING).to_numpy(order="c")


def row(features: Iterable[Feature]) -> Callable[[Mapping[str, Any]], list[float]]:
    """A function from one mapping of feature names to values to that row of the matrix; an absent name is missing."""
    encoders = [(feature.name, encoder(feature)) for feature in features]

    def encode(values: Mapping[str, Any]) -> list[float]:
        get = values.get
        return [encoder(get(name)) for name, encoder in encoders]

    return encode


def _column(frame: pl.DataFrame, schema: Mapping[str, pl.DataType], feature: Feature) -> pl.Expr:
    import polars as pl

    if feature.name not in schema:
        raise DataError(
            f"Feature {feature.name!r} cannot be read",
            expected="a column of that name",
            found=f"{len(schema)} others",
            action=perhaps(feature.name, schema, "Add the column"),
        )
    column, found = pl.col(feature.name), schema[feature.name]
    if found == pl.Null:
        return column
    if isinstance(found, (pl.Categorical, pl.Enum)):
        column, found = column.cast(pl.String), pl.String()
    if feature.kind == "category":
        encoded = _category_column(column, found, feature)
    elif feature.kind == "date":
        encoded = _date_column(frame, column, found, feature)
    elif found.is_numeric() or found == pl.Boolean:
        number = column.cast(pl.Float64)
        encoded = pl.when(number.is_finite()).then(number)
    else:
        encoded = None
    if encoded is None:
        values = frame[feature.name]
        first = values.is_not_null().arg_max() or 0
        example = f"{values[first]!r} in row {first}" if len(values) else "no rows"
        raise wrong_type(feature, f"{found}, {example}")
    return encoded


def _category_column(column: pl.Expr, found: pl.DataType, feature: Feature) -> pl.Expr | None:
    import polars as pl

    if found == pl.String:
        codes: Mapping[Any, float] = text_codes(feature)
        column = pl.when(column != "").then(column)
    elif found == pl.Boolean:
        codes = truth_codes(feature)
    elif found.is_numeric():
        codes = number_codes(feature)
        column = column.cast(pl.Float64).fill_nan(None)
    else:
        return None
    known = column.replace_strict(list(codes), list(codes.values()), default=UNSEEN, return_dtype=pl.Float64)
    return pl.when(column.is_not_null()).then(known)


def _date_column(frame: pl.DataFrame, column: pl.Expr, found: pl.DataType, feature: Feature) -> pl.Expr | None:
    import polars as pl

    if found == pl.Date:
        return column.to_physical()
    if isinstance(found, pl.Datetime):
        moment = column.cast(pl.Datetime("us", found.time_zone)).to_physical()
        day, rest = moment // MICROSECONDS_A_DAY, moment % MICROSECONDS_A_DAY
        return day.cast(pl.Float64) + rest.cast(pl.Float64) * DAYS_A_MICROSECOND
    if found == pl.String:
        texts = frame[feature.name].unique().drop_nulls().to_list()
        found_days = [days(text, feature) for text in texts]
        return column.replace_strict(texts, found_days, default=None, return_dtype=pl.Float64)
    return None
