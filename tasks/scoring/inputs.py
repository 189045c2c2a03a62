"""The raw columns that a model asks for, out of whatever frame a caller brings, each in the type it was trained on.

What stood for a missing value in training does so here; in columns of numbers, dates and truth values so does every
word that can mean nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tasks.core import markers
from tasks.core.errors import DataError
from tasks.core.nearest import perhaps
from tasks.core.records import BYTES, Column

if TYPE_CHECKING:
    import polars as pl

TRUTHS = {"true": True, "false": False, "1": True, "0": False}


class Misfit(DataError):
    """A column, or one value of it, that is not of the column's type; `row` is None where it is the whole column."""

    def __init__(self, column: Column, found: str, row: int | None = None) -> None:
        kind = {"number": "numbers", "integer": "numbers", "boolean": "true or false", "date": "dates in ISO 8601"}
        kind |= dict.fromkeys(BYTES, "bytes, or their base64 text")
        super().__init__(
            f"Column {column.name!r} cannot be read",
            expected=kind.get(column.type, column.type),
            found=found if row is None else f"{found} in row {row}",
            action="Correct the value, or leave it empty if it is not known",
        )
        self.column = column
        self.value = found
        self.row = row

    @property
    def reason(self) -> str:
        """Why its row is refused, without the row's number."""
        return f"{self.what}: expected {self.expected}, found {self.value}"


def taken(
    frame: pl.DataFrame,
    columns: Sequence[Column],
    missing_ok: bool = False,
    first_row: int = 0,
    misfits: dict[int, str] | None = None,
) -> pl.DataFrame:
    """The columns, in order and in their types; other columns of the frame are left out.

    DataError names a column that is absent (unless `missing_ok`: then all its values are missing), or the first
    value that is not of its column's type. `first_row` is the number of the frame's first row in the caller's data.
    With `misfits` such a value is missing, and stands there by its row in the frame.
    """
    import polars as pl

    given = {values.name: values for values in frame}  # a frame looks for a name among all its names every time
    found: list[pl.Series] = []
    for column in columns:
        if column.name in given:
            found.append(_cast(given[column.name], column, first_row, misfits))
        elif missing_ok:
            found.append(pl.Series(column.name, [None] * frame.height, dtype=dtype(column)))
        else:
            raise DataError(
                f"Column {column.name!r} is not in the rows",
                expected=f"the {len(columns)} columns that the model was trained on",
                found=f"{len(given)} columns",
                action=perhaps(column.name, given, "Add the column, empty where the values are not known"),
            )
    return _unmarked(pl.DataFrame(found), columns)


def _unmarked(frame: pl.DataFrame, columns: Sequence[Column]) -> pl.DataFrame:
    """The frame with nothing where a value was a marker of its column."""
    marked = [column for column in columns if column.missing_values]
    if not marked:
        return frame
    schema = frame.schema
    present = (markers.present(column.name, schema[column.name], column.missing_values) for column in marked)
    return frame.with_columns(each for each in present if each is not None)


def as_json(frame: pl.DataFrame) -> tuple[str, ...]:
    """The rows as JSON objects, bytes in base64: what `taken` reads again."""
    import polars as pl

    return tuple(frame.with_columns(pl.selectors.binary().bin.encode("base64")).write_ndjson().splitlines())


def dtype(column: Column) -> pl.DataType:
    """The type in which polars holds the column's values, where they come without one."""
    import polars as pl

    if column.type == "text":
        return pl.String()
    if column.type == "boolean":
        return pl.Boolean()
    if column.type == "date":
        return pl.Datetime("us")
    return pl.Binary() if column.type in BYTES else pl.Float64()


def _cast(values: pl.Series, column: Column, first_row: int, misfits: dict[int, str] | None) -> pl.Series:
    """The values in the column's type; what is of it already, or a number for a number, stays as it is."""
    import polars as pl

    if isinstance(values.dtype, (pl.Categorical, pl.Enum)):
        values = values.cast(pl.String)
    found = values.dtype
    if found == pl.Null:
        return values.cast(dtype(column))
    if column.type == "text" and not (found.is_nested() or found == pl.Binary or found == pl.Object):
        return _text(values)
    if column.type == "date" and isinstance(found, pl.Datetime):
        zoned = values.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if found.time_zone else values
        return zoned.cast(pl.Datetime("us"))
    if column.type in ("number", "integer") and (found.is_numeric() or found == pl.Boolean):
        return values.cast(pl.Float64) if found == pl.Boolean else values
    if found == {"boolean": pl.Boolean, "date": pl.Date}.get(column.type) or (
        found == pl.Binary and column.type in BYTES
    ):
        return values
    if column.type == "boolean" and found.is_numeric():
        values = _text(values)
    if values.dtype != pl.String:
        raise Misfit(column, f"{found}")
    return _parsed(values.str.strip_chars().replace("", None), column, first_row, misfits)


def _parsed(texts: pl.Series, column: Column, first_row: int, misfits: dict[int, str] | None) -> pl.Series:
    """What the texts say: files without types bring numbers, dates and truth values as text."""
    import polars as pl

    if column.type == "boolean":
        parsed = texts.str.to_lowercase().replace_strict(TRUTHS, default=None, return_dtype=pl.Boolean)
    elif column.type == "date":
        known = texts.unique().drop_nulls().to_list()
        parsed = texts.replace_strict(known, [_moment(text) for text in known], return_dtype=pl.Datetime("us"))
    elif column.type in BYTES:
        parsed = texts.str.decode("base64", strict=False)
    else:
        parsed = texts.cast(pl.Float64, strict=False)
    wrong = (parsed.is_null() & texts.is_not_null()).arg_true()
    if len(wrong):
        words = {*markers.texts(column.missing_values), *markers.NO_NUMBER} if column.type not in BYTES else set[str]()
        wrong = wrong.filter(~texts[wrong].str.to_lowercase().is_in(words) & ~texts[wrong].is_in(words))
    for row in wrong:
        misfit = Misfit(column, repr(texts[row][:60]), first_row + row)
        if misfits is None:
            raise misfit
        misfits[row] = "; ".join(filter(None, (misfits.get(row), misfit.reason)))
    return parsed


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    except (ValueError, OverflowError):
        return None


def _text(values: pl.Series) -> pl.Series:
    """Text; a whole number without the ".0" that a file reader adds where values are missing."""
    import polars as pl

    if values.dtype.is_float() or values.dtype.is_decimal():
        values = values.cast(pl.Float64).fill_nan(None)
        whole = values.cast(pl.Int64, strict=False)
        return (
            pl.select(
                pl.when(whole.cast(pl.Float64) == values).then(whole.cast(pl.String)).otherwise(values.cast(pl.String))
            )
            .to_series()
            .alias(values.name)
        )
    return values.cast(pl.String)
