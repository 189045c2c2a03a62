"""Many rows at once: a frame of whatever types a caller brings, checked, and in the types that the model takes.

It refuses what the rows of a JSON body are refused for, in the same shape. A number that is not finite is a missing
value: unlike JSON these formats have NaN, and writers of frames mean nothing else by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tasks.core import expressions
from tasks.core.errors import DataError
from tasks.core.nearest import perhaps
from tasks.core.records import BYTES, Column
from tasks.modalities import reading
from tasks.modalities.matrix import matrix
from tasks.scoring import inputs
from tasks.serving.faults import EXPECTED, broken, listed, unreadable
from tasks.serving.model import Model
from tasks.serving.refusal import Refusal
from tasks.serving.schema import key_text

if TYPE_CHECKING:
    import polars as pl

    from tasks.scoring.scorer import Floats

MOST_ROWS = 1_000_000
FIRST, LAST = datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999)  # noqa: DTZ001  # UTC, without a zone
"""The moments that Python knows, and so whoever reads the prediction log."""


@dataclass(frozen=True)
class Rows:
    """Typed rows in the order of the model's inputs, and by what the caller knows each, if a key is declared."""

    frame: pl.DataFrame
    keys: Sequence[str | None] | None


def read(frame: pl.DataFrame, model: Model) -> Rows:
    """The rows of a frame as the model takes them. Raises Refusal, which names the column, and the row if it is one."""
    columns, key = model.schema.columns, model.schema.key
    check_names(frame.columns, columns, key)
    check_number(frame.height)
    check_moments(frame)
    try:
        typed = inputs.taken(frame, columns)
    except inputs.Misfit as exc:
        raise _misfit(exc.column, exc.value, exc.row) from exc
    typed = finite(typed, columns)
    _check_expectations(typed, model)
    return Rows(typed, keys_of(frame, typed, key))


def of_structs(rows: Sequence[Any], model: Model) -> Rows:
    """The rows of a JSON body that the model's schema read, which has checked their types. Raises Refusal."""
    typed = model.schema.frame(rows)
    _check_expectations(typed, model)
    return Rows(typed, model.schema.keys(rows))


def packed(frame: pl.DataFrame, model: Model, first: int = 0) -> Floats:
    """The model's matrix of typed rows, the first of which has that number. Raises Refusal."""
    features = model.card.features
    try:
        return matrix(expressions.with_declared(frame, features), features)
    except DataError as exc:
        raise _unreadable(frame, model.schema.columns, first, exc) from exc


def _check_expectations(frame: pl.DataFrame, model: Model) -> None:
    if (found := model.schema.guard.first_broken(frame)) is not None:
        number, rule, values = found
        raise broken(rule, values, number)


def check_names(names: Sequence[str], columns: Sequence[Column], key: Sequence[str] = ()) -> None:
    """Raises Refusal unless every input is among the names once, and nothing else is but the key."""
    wanted = [column.name for column in columns]
    seen: set[str] = set()
    for name in names:
        shown = name[:100]
        if name in seen:
            raise Refusal(422, f"The column “{shown}” is there twice", field=name, action="Leave one of them out.")
        seen.add(name)
        if name not in wanted and name not in key:
            action = perhaps(shown, [each for each in wanted if each not in names], "Leave it out") + "."
            raise Refusal(
                422, f"The column “{shown}” is unknown", field=name, expected=listed(wanted), found=shown, action=action
            )
    for column in columns:
        if column.name not in seen:
            raise Refusal(
                422,
                f"The column “{column.name}” is not there",
                field=column.name,
                expected=f"{EXPECTED[column.type]} in each row, or null for a missing value",
                found="no such column",
                action=f"Add “{column.name}”, with nulls where its values are not known.",
            )


def check_number(n_rows: int) -> None:
    """Raises Refusal when there are too many rows."""
    if n_rows > MOST_ROWS:
        raise Refusal(
            413,
            "Too many rows in one request",
            expected=f"at most {MOST_ROWS:,} rows",
            found=f"{n_rows:,} rows",
            action="Send them in several requests, or use `keepfit predict` for a file.",
        )


def _misfit(column: Column, found: str, row: int | None) -> Refusal:
    return Refusal(
        422,
        f"The column “{column.name}” has {'values' if row is None else 'a value'} of the wrong type",
        row=row,
        field=column.name,
        expected=f"{EXPECTED[column.type]}, or null for a missing value",
        found=found,
        action=f"Send {EXPECTED[column.type]}, or null.",
    )


def finite(frame: pl.DataFrame, columns: Sequence[Column]) -> pl.DataFrame:
    """The frame with nothing where a number is not finite."""
    import polars as pl

    floats = [
        each.name for each in columns if each.type in ("number", "integer") and frame.schema[each.name].is_float()
    ]
    return frame.with_columns(pl.when(pl.col(name).is_finite()).then(pl.col(name)).alias(name) for name in floats)


def check_moments(frame: pl.DataFrame) -> None:
    """Raises Refusal for a moment that Python does not know, and polars cannot tell as a text."""
    import polars as pl

    for name, kind in frame.schema.items():
        if not kind.is_temporal():
            continue
        first, last = (pl.lit(bound).cast(kind) for bound in (FIRST, LAST))
        outside = frame.select(~pl.col(name).is_between(first, last)).to_series().fill_null(False)
        if outside.any():
            raise Refusal(
                422,
                f"The column “{name}” has a value that cannot be",
                row=outside.arg_max(),
                field=name,
                expected="a moment in the years 1 to 9999, or null for a missing value",
                found="another one",
                action="Correct the value, or send null.",
            )


def _unreadable(frame: pl.DataFrame, columns: Sequence[Column], first: int, error: DataError) -> Refusal:
    """Which bytes cannot be read: only asked when some cannot."""
    media = [column for column in columns if column.type in BYTES]
    for number, row in enumerate(frame.select(column.name for column in media).iter_rows(named=True), first):
        for column in media:
            modality = reading(column.type)
            if modality is not None and row[column.name] is not None and modality.fault(row[column.name]):
                return unreadable(row, media, number, error)
    return Refusal(422, error.what, expected=error.expected, found=error.found, action=error.action)


def keys_of(frame: pl.DataFrame, typed: pl.DataFrame, key: Sequence[str]) -> Sequence[str | None] | None:
    """By what the caller knows each row: the key's columns as a text; None where none is declared."""
    import polars as pl

    if not key:
        return None
    known = set(frame.columns)
    found: list[Any] = []
    for name in key:
        values = typed[name] if name in typed.columns else frame[name] if name in known else None
        if values is None:
            return [None] * frame.height
        if name in typed.columns and values.dtype.is_numeric():
            values = values.cast(pl.Float64)  # as a JSON row has it, so that both are known by the same text
        if values.dtype == pl.Date:
            values = values.cast(pl.Datetime("us"))
        found.append(values.to_list())
    return [None if None in row else key_text(row) for row in zip(*found, strict=True)]
