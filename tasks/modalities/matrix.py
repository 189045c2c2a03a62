"""The float64 matrix that every model sees: from a frame all rows at once, or from one mapping a single row.

One column a feature, in order, and as many as its width for a text, an image or a sound. Number: its value. Boolean:
0 or 1. Category: its position in `feature.levels`, -1 when it is none of them, or the bucket it falls into. Date:
days since 1970-01-01 in UTC, a time of day as a fraction. Missing is NaN everywhere: None, NaN, an infinite number,
an empty text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

from tasks.core.errors import DataError
from tasks.core.nearest import perhaps
from tasks.core.records import Feature
from tasks.modalities import MODALITIES
from tasks.modalities.modality import View
from tasks.modalities.values import (
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
    plain = [feature for feature in features if feature.kind not in MODALITIES]
    columns = (_column(frame, schema, feature).cast(pl.Float64) for feature in plain)
    encoded = frame.select(columns).fill_null(MISSING).to_numpy(order="c")
    if len(plain) == len(features):
        return encoded
    found = np.empty((frame.height, width(features)))
    at = 0
    for feature, span in zip(features, spans(features), strict=True):
        if feature.kind in MODALITIES:
            _require(feature, schema)
            found[:, span] = MODALITIES[feature.kind].encode(feature, frame[feature.name])
        else:
            found[:, span.start] = encoded[:, at]
            at += 1
    return found


def width(features: Iterable[Feature]) -> int:
    """How many columns the matrix has."""
    return sum(feature.width for feature in features)


def spans(features: Iterable[Feature]) -> list[slice]:
    """For each feature its columns of the matrix."""
    ends = list(accumulate(feature.width for feature in features))
    return [slice(start, end) for start, end in pairwise([0, *ends])]


def row(features: Iterable[Feature]) -> Callable[[Mapping[str, Any]], list[float]]:
    """A function from one mapping of feature names to values to that row of the matrix; an absent name is missing."""
    features = tuple(features)
    if any(feature.kind in MODALITIES for feature in features):
        return _wide_row(features)
    encoders = [(feature.name, encoder(feature)) for feature in features]

    def encode(values: Mapping[str, Any]) -> list[float]:
        get = values.get
        return [encoder(get(name)) for name, encoder in encoders]

    return encode


def _wide_row(features: Sequence[Feature]) -> Callable[[Mapping[str, Any]], list[float]]:
    import numpy as np

    encoders = [
        (feature.name, MODALITIES[feature.kind].encoder(feature) if feature.kind in MODALITIES else _single(feature))
        for feature in features
    ]

    def encode(values: Mapping[str, Any]) -> list[float]:
        return np.concatenate([encoder(values.get(name)) for name, encoder in encoders]).tolist()

    return encode


def _single(feature: Feature) -> Callable[[Any], View]:
    import numpy as np

    one = encoder(feature)
    return lambda value: np.array([one(value)])


def _column(frame: pl.DataFrame, schema: Mapping[str, pl.DataType], feature: Feature) -> pl.Expr:
    import polars as pl

    _require(feature, schema)
    column, found = pl.col(feature.name), schema[feature.name]
    if found == pl.Null:
        return column
    if isinstance(found, (pl.Categorical, pl.Enum)):
        column, found = column.cast(pl.String), pl.String()
    if feature.treatment.buckets:
        encoded = _bucket_column(frame, column, found, feature)
    elif feature.kind == "category":
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


def _require(feature: Feature, schema: Mapping[str, pl.DataType]) -> None:
    if feature.name not in schema:
        raise DataError(
            f"Feature {feature.name!r} cannot be read",
            expected="a column of that name",
            found=f"{len(schema)} others",
            action=perhaps(feature.name, schema, "Add the column"),
        )


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


def _bucket_column(frame: pl.DataFrame, column: pl.Expr, found: pl.DataType, feature: Feature) -> pl.Expr | None:
    import polars as pl

    if not (found == pl.String or found == pl.Boolean or found.is_numeric()):
        return None
    encode = encoder(feature)
    column = column.cast(pl.Float64).fill_nan(None) if found.is_float() or found.is_decimal() else column
    values = frame.select(column.unique().drop_nulls()).to_series().to_list()
    return column.replace_strict(values, list(map(encode, values)), default=None, return_dtype=pl.Float64)


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
