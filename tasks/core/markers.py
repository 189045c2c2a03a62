"""Values that stand for a missing one, like `?` and `-999`: the words for them, and how a column is rid of its own.

A text counts without the spaces around it. The same markers are taken out of many rows by polars (`present`) and of
one value by plain Python (`replaced`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from tasks.core.records import BYTES, Column

if TYPE_CHECKING:
    import polars as pl

SPACES = " \t\r\n\f\v\u00a0\ufeff"
"""What is stripped; each engine has another idea of a space, so it is said."""

_NO_TEXT = r"""? ?? ??? n/a N/A #n/a #N/A #NA <NA> <na> null NULL <null> <NULL> (null) (NULL) \N nan NaN NAN -nan -NaN
NaT 1.#QNAN 1.#IND -1.#IND #NULL! #VALUE! #DIV/0! #REF! #NAME? #NUM!"""
_NO_NUMBER = "na n.a. n.a n/d none nil - -- --- \u2013 \u2014 . .. ... \u2026 * unknown missing undefined empty blank"
_OF_WORDS = ("not available", "not applicable", "not known", "(none)", "(missing)")

NO_TEXT = frozenset({"", *_NO_TEXT.split()})
"""Texts that are a value nowhere. `NA` is Namibia, `None` an alley that a house lacks, `Null` a family's name."""

NO_NUMBER = frozenset({*(text.casefold() for text in NO_TEXT), *_NO_NUMBER.split(), *_OF_WORDS})
"""Texts, in lower case, that stand for none where numbers are meant."""

LONGEST = max(len(text) for text in NO_NUMBER) + 2
BLANK = "blank"
"""What the marker "" is called."""


def named(marker: str) -> str:
    """The marker as people are told of it."""
    return f"`{marker}`" if marker else BLANK


def number_of(marker: str) -> float | None:
    """The number that the marker says, if it says one."""
    try:
        found = float(marker)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def moment_of(marker: str) -> datetime | None:
    """The moment (UTC, without a zone) that the marker says, if it says one."""
    try:
        found = datetime.fromisoformat(marker)
    except ValueError:
        return None
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found


def texts(markers: Iterable[str]) -> list[str]:
    """The markers as a text column or one of texts that are meant as numbers holds them."""
    return list(dict.fromkeys(marker.strip(SPACES) for marker in markers))


def numbers(markers: Iterable[str]) -> list[float]:
    """Those of the markers that are numbers."""
    return [found for found in map(number_of, markers) if found is not None]


def moments(markers: Iterable[str]) -> list[datetime]:
    """Those of the markers that are dates or moments."""
    return [found for found in map(moment_of, markers) if found is not None]


def present(name: str, stored: pl.DataType, markers: Iterable[str]) -> pl.Expr | None:
    """The column with null for each marker; None where a column of this type cannot hold any of them."""
    import polars as pl

    column = pl.col(name)
    if stored == pl.String:
        if not (said := texts(markers)):
            return None
        stands = column.str.strip_chars(SPACES).is_in(said)
    elif stored.is_numeric():
        if not (values := numbers(markers)):
            return None
        stands = pl.any_horizontal(column == value for value in values)
    elif stored.is_temporal():
        if not (times := moments(markers)):
            return None
        stands = column.cast(pl.Datetime("us")).is_in(times)
    else:
        return None
    return pl.when(~stands).then(column).alias(name)


def replaced(column: Column) -> Callable[[Any], Any] | None:
    """A function from one value of a request to the value, or None for a marker; None where the column has none."""
    if not column.missing_values or column.type in (*BYTES, "boolean"):
        return None
    if column.type == "text":
        words = frozenset(texts(column.missing_values))
        return lambda value: None if value is not None and value.strip(SPACES) in words else value
    if column.type == "date":
        times = frozenset(moments(column.missing_values))
        return lambda value: None if value in times else value
    words, values = words_for(column), frozenset(numbers(column.missing_values))
    # A text that is no marker stays one, for whoever checks the types.
    return lambda value: (
        None if (value.strip(SPACES) in words if isinstance(value, str) else value in values) else value
    )


def words_for(column: Column) -> frozenset[str]:
    """The texts that may be sent where this column of numbers has a number: its markers that are none themselves."""
    if column.type not in ("number", "integer"):
        return frozenset()
    return frozenset(text for text in texts(column.missing_values) if number_of(text) is None)


def as_marker(value: float | date) -> str:
    """A number or a date as the marker's text."""
    if not isinstance(value, date):
        return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == datetime.min.time() else value.isoformat()
    return value.isoformat()
