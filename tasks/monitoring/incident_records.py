"""An incident: rows that came broken, which is for whoever feeds them to mend, and never a reason to train."""

from __future__ import annotations

from typing import Any, Literal, get_args

import polars as pl

from tasks.core.records import Record

Kind = Literal[
    "column_gone",
    "all_missing",
    "new_type",
    "unit_change",
    "sign_flip",
    "stuck",
    "swapped_columns",
    "recoded_levels",
    "truncated_text",
    "broken_encoding",
    "broken_join",
    "repeated_rows",
    "stale_feed",
    "half_empty_feed",
    "wrong_clock",
    "broken_expectation",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
MOST_SHOWN = 20
"""Rows that are named as evidence."""
ROW = "__row_number__"


class Incident(Record):
    """What broke: its kind, the suspected cause as a sentence with figures, and rows to look at.

    `columns` are those that are hit (none: the rows as a whole), `share` how many of the window's rows. `rows` are
    the ids of at most 20 of them (`__id__`), or their numbers in the window where rows have no ids.
    """

    kind: Kind
    columns: tuple[str, ...] = ()
    sentence: str
    share: float
    rows: tuple[str, ...] = ()


def incident(
    kind: Kind, window: pl.DataFrame, hit: pl.Series | None, sentence: str, *columns: str, share: float | None = None
) -> Incident:
    """The incident with the rows that are `hit` (a mask); None means all."""
    rows = window if hit is None else window.filter(hit.fill_null(False))
    found = share if share is not None else rows.height / max(window.height, 1)
    names: list[Any] = rows.head(MOST_SHOWN)["__id__" if "__id__" in rows.columns else ROW].to_list()
    ids = tuple(str(name) for name in names)
    return Incident(kind=kind, columns=columns, sentence=sentence, share=found, rows=ids)
