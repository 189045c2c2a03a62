"""Numbers and dates that stand for a missing one, such as -999, 9999 and 1900-01-01, found by a rule.

One by convention, it comes again and again, is its column's extreme, and lies far from all the rest: a column of ages
to 98 keeps its 99.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from tasks.core import markers, store
from tasks.core.records import Column, Dataset

LOW = (-1.0, -9.0, -99.0, -99.9, -999.0, -999.9, -9999.0, -9999.9, -99999.0, -999999.0, -(2.0**15), -(2.0**31))
HIGH = (99.0, 99.9, 999.0, 999.9, 9999.0, 9999.9, 99999.0, 999999.0, 9999999.0, 2.0**15 - 1, 2.0**31 - 1)
FAR_HIGH = 2.0
"""Times the spread of the rest; below zero one spread is enough. 99999 is where incomes are cut off, at 1.4 times."""
AGAIN = 3
SHARE = 0.001
"""A sentinel comes at least so often: a single extreme is an outlier, and stays."""
MINUS_ONE = (50.0, 0.01)
"""Of -1 below a column that is never negative: the least spread of the rest, or it may be a floor, and share."""
EARLY = ("0001-01-01", "1800-01-01", "1899-12-30", "1899-12-31", "1900-01-01", "1970-01-01")
LATE = ("2099-12-31", "2100-01-01", "2199-12-31", "2999-12-31", "9999-12-31")
FAR_DAYS = (0.2, timedelta(days=3 * 365))
"""The gap before a date that stands for none: as a share of the spread of the rest, and at least."""


@dataclass(frozen=True)
class Rest:
    """The values of a column that are no candidates: the least and the greatest."""

    low: Any
    high: Any

    @property
    def spread(self) -> Any:
        return self.high - self.low


def sentinels(
    dataset: Dataset, columns: Sequence[Column], words: Mapping[str, Counter[str]]
) -> dict[str, Counter[str]]:
    """The numbers and dates that stand for none, and how often; most columns are ruled out by their bounds."""
    import polars as pl

    scan = store.scan(dataset)
    stored = scan.collect_schema()
    bounds = _bounds(dataset)
    found: dict[str, Counter[str]] = {}
    for column in columns:
        name = column.name
        if column.type not in ("number", "integer", "date"):
            continue
        values = pl.col(name).cast(pl.Datetime("us")) if column.type == "date" else pl.col(name)
        if stored[name] == pl.String:
            said = markers.present(name, stored[name], words.get(name, ()))
            values = (values if said is None else said).str.strip_chars().cast(pl.Float64, strict=False)
        low, high = (markers.moments(EARLY), markers.moments(LATE)) if column.type == "date" else (LOW, HIGH)
        if name in bounds and bounds[name][0] not in low and bounds[name][1] not in high:
            continue
        finite = values.cast(pl.Float64) if column.type != "date" else values
        finite = finite.filter(finite.is_finite()) if column.type != "date" else finite
        frame = scan.select(finite.alias("value").drop_nulls())
        known = pl.col("value").is_in([*low, *high])
        # Streamed: a group for each candidate, and one for all the rest.
        table = (
            frame.group_by(pl.when(known).then(pl.col("value")).alias("candidate"))
            .agg(pl.len().alias("n_rows"), pl.col("value").min().alias("low"), pl.col("value").max().alias("high"))
            .collect(engine="streaming")
        )
        counts = {value: n_rows for value, n_rows, *_ in table.iter_rows() if value is not None}
        rest = [(least, most) for value, _, least, most in table.iter_rows() if value is None]
        if counts and rest:
            n_rows = int(table["n_rows"].sum())
            standing = _standing(counts, Rest(*rest[0]), n_rows)
            found[name] = Counter({markers.as_marker(value): counts[value] for value in standing})
    return found


def _standing(counts: Mapping[Any, int], rest: Rest, n_rows: int) -> list[Any]:
    """Which of the candidates stand for none: from the rest outwards, what does not joins the rest."""
    often = max(AGAIN, SHARE * n_rows)
    found: list[Any] = []
    for value in sorted((value for value in counts if value < rest.low), reverse=True):
        if counts[value] >= often and _far_below(value, rest, counts[value] / n_rows):
            found.append(value)
        else:
            rest = Rest(value, rest.high)
    for value in sorted(value for value in counts if value > rest.high):
        if counts[value] >= often and _far_above(value, rest):
            found.append(value)
        else:
            rest = Rest(rest.low, value)
    return found


def _far_below(value: Any, rest: Rest, share: float) -> bool:
    if isinstance(value, datetime):
        return _years_away(rest.low - value, rest)
    if rest.spread == 0:
        return False
    if value == -1:
        return rest.low >= 0 and share >= MINUS_ONE[1] and (rest.spread >= MINUS_ONE[0] or rest.low + 1 > rest.spread)
    # The only negative number of a column, by convention none, needs no gap.
    return rest.low >= 0 or rest.low - value > rest.spread


def _far_above(value: Any, rest: Rest) -> bool:
    if isinstance(value, datetime):
        return _years_away(value - rest.high, rest)
    return rest.spread > 0 and value - rest.high > FAR_HIGH * rest.spread


def _years_away(gap: timedelta, rest: Rest) -> bool:
    share, least = FAR_DAYS
    return gap > max(share * rest.spread, least)


def _bounds(dataset: Dataset) -> dict[str, tuple[Any, Any]]:
    """The least and the greatest value of each column of numbers and dates, as the Parquet files themselves know."""
    import pyarrow.parquet as pq

    found: dict[str, tuple[Any, Any]] = {}
    unknown: set[str] = set()
    for part in dataset.parts:
        metadata = pq.read_metadata(store.path(part.blob))
        for group in range(metadata.num_row_groups):
            for place in range(metadata.num_columns):
                chunk = metadata.row_group(group).column(place)
                name, figures = chunk.path_in_schema, chunk.statistics
                if chunk.physical_type == "BYTE_ARRAY":
                    continue
                if figures is None or not figures.has_min_max:
                    # A group of nothing but missing values has none; NaN and infinities are not among the rest.
                    if figures is None or figures.null_count != chunk.num_values:
                        unknown.add(name)
                    continue
                low, high = _comparable(figures.min), _comparable(figures.max)
                before = found.get(name, (low, high))
                found[name] = (min(before[0], low), max(before[1], high))
    return {name: both for name, both in found.items() if name not in unknown}


def _comparable(value: Any) -> Any:
    if isinstance(value, date) and not isinstance(value, datetime):
        return markers.moment_of(value.isoformat())
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value
