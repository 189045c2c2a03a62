"""Records as short markdown tables, for the Prefect UI: one function a record, found by its type."""

from __future__ import annotations

from functools import singledispatch


@singledispatch
def markdown(record: object) -> str:
    """The record as markdown; empty when there is nothing to show."""
    return ""
