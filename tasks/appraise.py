"""appraise: whether the data are relevant, accurate, diverse and representative, and what to do about the worst."""

from __future__ import annotations

from tasks.core.appraisal import Appraisal
from tasks.core.records import CheckedDataset, CheckedSplits
from tasks.core.step import step

MOST_KEPT = 30
"""Associations and distances in the record: as many as a person reads."""


@step
def appraise(checked: CheckedDataset, splits: CheckedSplits) -> Appraisal:
    """A figure for each of the four, with its reasons in words; nothing is changed, and nothing chosen by it.

    Associations are measured on training rows alone. That test rows are like the others is looked at column by column,
    never together with a model's answers.
    """
    from tasks.examining.accuracy import accurate
    from tasks.examining.coverage import diverse
    from tasks.examining.glance import glance
    from tasks.examining.relevance import associations, relevant
    from tasks.examining.representative import distances, representative

    seen = glance(splits.splits)
    found, apart = associations(seen), distances(seen)
    return Appraisal(
        criteria=(
            relevant(seen, found),
            accurate(checked, splits.splits),
            diverse(seen, found),
            representative(seen, apart),
        ),
        associations=found[:MOST_KEPT],
        distances=apart[:MOST_KEPT],
        n_rows_seen=len(seen.part),
        n_columns=len(found),
    )
