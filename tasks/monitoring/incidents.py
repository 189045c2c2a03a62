"""Is it an incident or drift? What broke on its way here is told first, with its cause and rows, and hides the rest.

Each column gets one cause, the likeliest. What an incident explains is not asked further: a flood of equal rows makes
every column look stuck.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import polars as pl

from tasks.core.records import Claim
from tasks.monitoring import incident_tables as tables
from tasks.monitoring.incident_claims import claim_incidents
from tasks.monitoring.incident_facts import ColumnFacts, Facts
from tasks.monitoring.incident_numbers import number_incidents
from tasks.monitoring.incident_records import KINDS, ROW, Incident, Kind
from tasks.monitoring.incident_texts import text_incidents
from tasks.monitoring.incident_timing import clock_incident, feed_incidents

__all__ = ["KINDS", "Facts", "Incident", "Kind", "find_incidents"]

LIMIT = 0.05
"""The share of rows that may break an expectation, as in training."""


def find_incidents(
    window: pl.DataFrame,
    facts: Facts,
    claims: Sequence[Claim] = (),
    *,
    time: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    feed: pl.DataFrame | None = None,
    limit: float = LIMIT,
) -> tuple[Incident, ...]:
    """What broke in the rows of a window, in columns of the names that the facts have; none is good news.

    `claims` are the training expectations (`ModelCard.expectations`). With `time`, the column that says when a row
    came, and the window's ends, silence and thin days are told too; where the window is some of many rows, `feed` has
    the moments of all.
    """
    window = _plain(window)
    found: list[Incident] = []
    if time is not None and facts.timing is not None and since is not None and until is not None:
        found += feed_incidents(window if feed is None else feed, time, facts.timing, since, until)
    if not window.height:
        return tuple(found)
    flood, rows = tables.repeats(window, facts)
    found += [flood] if flood else []
    found += [*tables.gone(rows, facts), *tables.joins(rows, facts)]
    for told in (_of_types, _of_pairs, _of_values):
        found += told(rows, _unblamed(facts, found), until)
    blamed = {name for each in found for name in each.columns}
    found += claim_incidents(window, claims, facts, blamed, limit)
    return tuple(found)


def _of_types(rows: pl.DataFrame, columns: Sequence[ColumnFacts], until: datetime | None) -> Iterator[Incident]:
    for column in columns:
        result = tables.empty(rows, column) or tables.other_type(rows, column)
        if result is not None:
            yield result


def _of_pairs(rows: pl.DataFrame, columns: Sequence[ColumnFacts], until: datetime | None) -> Iterator[Incident]:
    yield from tables.swapped(rows, columns)


def _of_values(rows: pl.DataFrame, columns: Sequence[ColumnFacts], until: datetime | None) -> Iterator[Incident]:
    for column in columns:
        dtype = rows[column.name].dtype
        if column.type in ("number", "integer") and dtype.is_numeric():
            yield from number_incidents(rows, column)
        elif column.type == "date" and (result := clock_incident(rows, column, until)) is not None:
            yield result
        elif column.type == "text" and dtype != pl.String:
            yield from text_incidents(rows.with_columns(pl.col(column.name).cast(pl.String)), column)
        elif column.type in ("text", "boolean"):
            yield from text_incidents(rows, column)


def _unblamed(facts: Facts, found: Sequence[Incident]) -> list[ColumnFacts]:
    blamed = {name for each in found for name in each.columns}
    return [column for column in facts.columns if column.name not in blamed]


def _plain(window: pl.DataFrame) -> pl.DataFrame:
    """The rows with their numbers, and categories as texts."""
    plain = window.with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))
    return plain.with_row_index(ROW) if ROW not in plain.columns else plain
