"""The float64 matrix that every model sees: from a frame all rows at once, or from one mapping a single row.

One column a feature, in order. Number: its value. Boolean: 0 or 1. Category: its position in `feature.levels`, -1
when it is none of them. Date: days since 1970-01-01 in UTC, a time of day as a fraction. Missing is NaN everywhere:
None, NaN, an infinite number, an empty text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tasks.core.errors import DataError
from tasks.core.nearest import perhaps
from tasks.core.records import Feature, FeatureKind

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

UNSEEN = -1.0
MISSING = math.nan

_EXPECTED: dict[FeatureKind, str] = {
    "number": "numbers",
    "boolean": "true or false",
    "category": "text, a number, or true or false",
    "date": "dates, or text such as 2026-11-22 or 2026-11-22T10:30:00Z",
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MICROSECONDS_A_DAY = 86_400_000_000
_DAYS_A_MICROSECOND = (
    1 / _MICROSECONDS_A_DAY
)  # polars divides by a constant so; dividing here would differ in the last bit


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
    encoders = [(feature.name, _encoder(feature)) for feature in features]

    def encode(values: Mapping[str, Any]) -> list[float]:
        get = values.get
        return [encoder(get(name)) for name, encoder in encoders]

    return encode


# A column of a frame


def _column(frame: pl.DataFrame, schema: Mapping[str, pl.DataType], feature: Feature) -> pl.Expr:
    import polars as pl

    if feature.name not in schema:
        raise DataError(
            f"Feature {feature.name!r} cannot be read",
            expected="a column of that name",
            found=f"{len(schema)} others",
            action=perhaps(feature.name, schema, "Add the column"),
        )
    column, found = pl.col(feature.name).alias(feature.name), schema[feature.name]
    if found == pl.Null:
        return column
    if isinstance(found, (pl.Categorical, pl.Enum)):
        column, found = column.cast(pl.String), pl.String()
    if feature.kind == "category":
        encoded = _category_column(column, found, feature)
    elif feature.kind == "date":
        encoded = _date_column(frame, column, found, feature)
    elif found.is_numeric() or found == pl.Boolean:
        encoded = _finite(column.cast(pl.Float64))
    else:
        encoded = None
    if encoded is None:
        values = frame[feature.name]
        first = values.is_not_null().arg_max() or 0
        example = f"{values[first]!r} in row {first}" if len(values) else "no rows"
        raise _wrong_type(feature, f"{found}, {example}")
    return encoded


def _finite(column: pl.Expr) -> pl.Expr:
    import polars as pl

    return pl.when(column.is_finite()).then(column)


def _category_column(column: pl.Expr, found: pl.DataType, feature: Feature) -> pl.Expr | None:
    import polars as pl

    if found == pl.String:
        codes: Mapping[Any, float] = _text_codes(feature)
        column = pl.when(column != "").then(column)
    elif found == pl.Boolean:
        codes = _truth_codes(feature)
    elif found.is_numeric():
        codes = _number_codes(feature)
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
        day, rest = moment // _MICROSECONDS_A_DAY, moment % _MICROSECONDS_A_DAY
        return day.cast(pl.Float64) + rest.cast(pl.Float64) * _DAYS_A_MICROSECOND
    if found == pl.String:
        texts = frame[feature.name].unique().drop_nulls().to_list()
        days = [_days(text, feature) for text in texts]
        return column.replace_strict(texts, days, default=None, return_dtype=pl.Float64)
    return None


# One value


def _encoder(feature: Feature) -> Callable[[Any], float]:
    if feature.kind == "category":
        return _category_encoder(feature)
    if feature.kind == "date":
        return lambda value: _days(value, feature)

    def number(value: Any) -> float:
        if value is None:
            return MISSING
        if isinstance(value, (str, bytes, date)):
            raise _wrong_type(feature, repr(value))
        return _number(value, feature)

    return number


def _number(value: Any, feature: Feature) -> float:
    try:
        found = float(value)
    except OverflowError:
        return MISSING  # beyond what a double holds: infinite
    except (TypeError, ValueError) as exc:
        raise _wrong_type(feature, repr(value)) from exc
    return found if math.isfinite(found) else MISSING


def _category_encoder(feature: Feature) -> Callable[[Any], float]:
    texts: dict[str | None, float] = {**_text_codes(feature), None: MISSING, "": MISSING}
    numbers, truths = _number_codes(feature), _truth_codes(feature)

    def code(value: Any) -> float:
        if value is None or isinstance(value, str):
            return texts.get(value, UNSEEN)
        if isinstance(value, (bytes, date)):
            raise _wrong_type(feature, repr(value))
        if value is True or value is False:
            return truths.get(value, UNSEEN)
        try:
            found = float(value)
        except OverflowError:
            return UNSEEN
        except (TypeError, ValueError) as exc:
            raise _wrong_type(feature, repr(value)) from exc
        return MISSING if math.isnan(found) else numbers.get(found, UNSEEN)

    return code


def _days(value: Any, feature: Feature) -> float:
    """Days since 1970-01-01 of a date, a moment, or a text in ISO 8601; without a zone it is UTC."""
    if value is None or value == "":
        return MISSING
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError as exc:
            raise _wrong_type(feature, repr(value)) from exc
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        day, rest = divmod((moment - _EPOCH) // _MICROSECOND, _MICROSECONDS_A_DAY)
        return float(day) + float(rest) * _DAYS_A_MICROSECOND
    if isinstance(value, date):
        return float((value - _EPOCH.date()).days)
    raise _wrong_type(feature, repr(value))


# What both share


def _text_codes(feature: Feature) -> dict[str, float]:
    return {level: float(code) for code, level in enumerate(feature.levels) if level}


def _number_codes(feature: Feature) -> dict[float, float]:
    """The levels that are numbers as text: 3, 3.0 and the text "3" are the same level, whatever file they came by."""
    codes: dict[float, float] = {}
    for level, code in _text_codes(feature).items():
        try:
            number = float(level)
        except ValueError:
            continue
        if math.isfinite(number):
            codes.setdefault(number, code)
    return codes


def _truth_codes(feature: Feature) -> dict[bool, float]:
    codes: dict[bool, float] = {}
    for level, code in _text_codes(feature).items():
        if level.casefold() in ("true", "false"):
            codes.setdefault(level.casefold() == "true", code)
    return codes


def _wrong_type(feature: Feature, found: str) -> DataError:
    return DataError(
        f"Feature {feature.name!r} cannot be read",
        expected=_EXPECTED[feature.kind],
        found=found,
        action="Send values of that type, or None for a missing one",
    )
