"""What expectations.yaml could say of data as they are now: of the rows, of requests, and of what a model sees."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasks.core.expectations import Expectations
    from tasks.core.records import Dataset, Splits
    from tasks.profiling.claims import Claim


def of_rows(dataset: Dataset, target: str) -> tuple[Claim, ...]:
    """Claims about the rows as they came, and about single requests."""
    from tasks.profiling.look import profiled
    from tasks.profiling.suite import claims

    return claims(profiled(dataset), target)


def of_splits(splits: Splits, declared: Collection[str]) -> tuple[Claim, ...]:
    """Claims about training, validation and test rows, with the declared features that are among their columns."""
    from tasks.profiling.look import profiled
    from tasks.profiling.suite import prepared_claims

    parts = (splits.train, splits.validation, splits.test)
    columns = tuple(column for column in splits.train.columns if column.name in declared)
    figures = ()
    if columns:
        every = tuple(part for dataset in parts for part in dataset.parts)
        rows = splits.train.model_copy(
            update={"columns": columns, "parts": every, "n_rows": sum(part.n_rows for part in parts)}
        )
        figures = profiled(rows).columns
    return prepared_claims(figures, splits.target, min(part.n_rows for part in parts))


def as_expectations(claims: Collection[Claim]) -> Expectations:
    """The claims as the steps are given them."""
    from tasks.core.expectations import SECTIONS, Expectations

    said = {section: [claim.item for claim in claims if claim.section == section] for section in SECTIONS}
    return Expectations.model_validate(said)
