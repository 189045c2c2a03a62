"""The training expectations, asked of a window's rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence

import polars as pl

from tasks.core.records import Claim, Column
from tasks.monitoring.incident_facts import Facts
from tasks.monitoring.incident_records import Incident, incident
from tasks.scoring.guard import Guard, asked_of

MOST_ROWS = 20_000
"""Rows that are asked; each is one question to each rule."""


def claim_incidents(
    window: pl.DataFrame, claims: Sequence[Claim], facts: Facts, blamed: Collection[str], limit: float
) -> Iterator[Incident]:
    """An incident for each expectation that more than `limit` of the rows break, unless its column's cause is known."""
    there = [
        Column(name=column.name, type=column.type, n_missing=0)
        for column in facts.columns
        if column.name in window.columns and column.name not in blamed
    ]
    rows = window.gather_every(-(-window.height // MOST_ROWS)) if window.height > MOST_ROWS else window
    for claim in asked_of(claims, there):
        guard = Guard((claim.model_copy(update={"severity": "reject"}),), there)
        rule = guard.rejecting[0]
        problems = guard.problems(rows, Counter())
        hit = problems.is_not_null()
        if hit.sum() > limit * rows.height:
            example = problems.drop_nulls()[0]
            told = f"{hit.mean():.0%} of the rows break an expectation: {example}"
            yield incident("broken_expectation", rows, hit, told, *rule.expectation.columns)
